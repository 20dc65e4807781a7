/* A libnvidia-ml.so.1 whose machine is the file that FAKE_NVML names, read anew by each call.

   init=0               what nvmlInitWithFlags returns; without the file, 9: no driver
   count=2  count!=999  the number of devices, or what asking for it returns instead
   0.name=NVIDIA A100   what device 0 answers; what is not there is not supported (3)
   0.1.uuid=MIG-...     the same of its part 1
   0.processes=12:300   pids and MiB
   hang=power           the call that waits until the line is gone
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUCCESS 0
#define NOT_SUPPORTED 3
#define NOT_FOUND 6
#define INSUFFICIENT_SIZE 7
#define NO_DRIVER 9
#define MIB (1024ULL * 1024ULL)

typedef void *Device;

static int look(const char *key, char *value, int size) {
    const char *path = getenv("FAKE_NVML");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[4096];
    int found = 0;
    if (!file) return 0;
    while (!found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        size_t length = strlen(key);
        if (!strncmp(line, key, length) && line[length] == '=') {
            snprintf(value, size, "%s", line + length + 1);
            found = 1;
        }
    }
    fclose(file);
    return found;
}

static void maybe_hang(const char *call) {
    char value[64];
    while (look("hang", value, sizeof value) && !strcmp(value, call)) usleep(5000);
}

static int is_here(void) {
    const char *path = getenv("FAKE_NVML");
    return path && access(path, R_OK) == 0;
}

static Device device(int index, int part) { return (Device)(size_t)((index + 1) | (part + 1) << 8); }

static int ask(Device of, const char *what, char *value, int size) {
    int index = ((int)(size_t)of & 255) - 1, part = ((int)(size_t)of >> 8) - 1;
    char key[128];
    maybe_hang(what);
    if (!is_here()) return NO_DRIVER;
    if (part < 0) snprintf(key, sizeof key, "%d.%s", index, what);
    else snprintf(key, sizeof key, "%d.%d.%s", index, part, what);
    return look(key, value, size) ? SUCCESS : NOT_SUPPORTED;
}

static int ask_number(Device of, const char *what, unsigned long long *number) {
    char value[64];
    int problem = ask(of, what, value, sizeof value);
    if (!problem) *number = strtoull(value, NULL, 10);
    return problem;
}

static int ask_small(Device of, const char *what, unsigned int *number) {
    unsigned long long found = 0;
    int problem = ask_number(of, what, &found);
    if (!problem) *number = (unsigned int)found;
    return problem;
}

int nvmlInitWithFlags(unsigned int flags) {
    char value[16];
    (void)flags;
    maybe_hang("init");
    if (!is_here()) return NO_DRIVER;
    return look("init", value, sizeof value) ? atoi(value) : SUCCESS;
}

int nvmlShutdown(void) { return is_here() ? SUCCESS : NO_DRIVER; }

const char *nvmlErrorString(int number) {
    switch (number) {
    case NOT_SUPPORTED: return "Not Supported";
    case NO_DRIVER: return "Driver Not Loaded";
    case 15: return "GPU is lost";
    default: return "Unknown Error";
    }
}

int nvmlSystemGetDriverVersion(char *text, unsigned int size) {
    return look("driver", text, (int)size) ? SUCCESS : NOT_SUPPORTED;
}

int nvmlSystemGetCudaDriverVersion(int *version) {
    char value[16];
    if (!look("cuda", value, sizeof value)) return NOT_SUPPORTED;
    *version = atoi(value);
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned int *count) {
    char value[16];
    maybe_hang("count");
    if (!is_here()) return NO_DRIVER;
    if (look("count!", value, sizeof value)) return atoi(value);
    *count = look("count", value, sizeof value) ? (unsigned int)atoi(value) : 0;
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, Device *found) {
    unsigned int problem = 0;
    *found = device((int)index, -1);
    return ask_small(*found, "lost", &problem) == SUCCESS ? (int)problem : SUCCESS;
}

int nvmlDeviceGetUUID(Device of, char *text, unsigned int size) { return ask(of, "uuid", text, (int)size); }
int nvmlDeviceGetName(Device of, char *text, unsigned int size) { return ask(of, "name", text, (int)size); }

int nvmlDeviceGetMigMode(Device of, unsigned int *now, unsigned int *later) {
    int problem = ask_small(of, "mig", now);
    *later = *now;
    return problem;
}

int nvmlDeviceGetMaxMigDeviceCount(Device of, unsigned int *count) { return ask_small(of, "parts", count); }

int nvmlDeviceGetMigDeviceHandleByIndex(Device of, unsigned int part, Device *found) {
    char value[128];
    *found = device(((int)(size_t)of & 255) - 1, (int)part);
    return ask(*found, "uuid", value, sizeof value) ? NOT_FOUND : SUCCESS;
}

int nvmlDeviceGetUtilizationRates(Device of, unsigned int *rates) {
    rates[1] = 0;
    return ask_small(of, "utilization", rates);
}

int nvmlDeviceGetMemoryInfo(Device of, unsigned long long *memory) { /* total, free, used */
    unsigned long long total = 0, used = 0;
    int problem = ask_number(of, "total", &total);
    if (problem) return problem;
    ask_number(of, "used", &used);
    memory[0] = total * MIB;
    memory[1] = (total - used) * MIB;
    memory[2] = used * MIB;
    return SUCCESS;
}

int nvmlDeviceGetTemperature(Device of, int sensor, unsigned int *celsius) {
    (void)sensor;
    return ask_small(of, "temperature", celsius);
}

int nvmlDeviceGetPowerUsage(Device of, unsigned int *milliwatts) { return ask_small(of, "power", milliwatts); }

struct process { unsigned int pid; unsigned long long bytes; unsigned int instance, part; };

static int processes(Device of, const char *kind, unsigned int *count, struct process *list) {
    char value[1024];
    unsigned int room = *count, found = 0;
    int problem = ask(of, kind, value, sizeof value);
    if (problem) return problem;
    for (char *word = strtok(value, ","); word; word = strtok(NULL, ",")) {
        if (list && found < room) {
            char *size = strchr(word, ':');
            list[found].pid = (unsigned int)atoi(word);
            list[found].bytes = size ? strtoull(size + 1, NULL, 10) * MIB : ~0ULL;
        }
        found++;
    }
    *count = found;
    return found > room ? INSUFFICIENT_SIZE : SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(Device of, unsigned int *count, struct process *list) {
    return processes(of, "processes", count, list);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(Device of, unsigned int *count, struct process *list) {
    return processes(of, "graphics", count, list);
}
