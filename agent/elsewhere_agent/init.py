"""The first configuration of a machine: written once, never over an existing file."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import ConfigurationError
from elsewhere.core.secrets import hide_passwords
from elsewhere.store import store_url
from elsewhere.store.redis.connection import connect

if TYPE_CHECKING:
    from elsewhere.core.settings import Settings

#: every setting with its default, as a comment; deploy/config.example.toml is the same text
TEMPLATE: Final = """\
# Settings of Elsewhere for one user of one machine: <ELSEWHERE_HOME>/config.toml, by default
# ~/.elsewhere/config.toml, or the file that ELSEWHERE_CONFIG names. A line without its "#" counts
# instead of the default.
# An environment variable, ELSEWHERE_REDIS_URL or ELSEWHERE_AGENT_SLOTS for instance, wins over it.

# The Redis that laptops and agents share: redis://USER:PASSWORD@HOST:6379/0, rediss:// for TLS, or
# unix:///PATH. Empty: a private server of this home, which starts by itself. Behind it, for TLS:
# ?ssl_ca_certs=FILE of a private authority, &ssl_certfile=FILE&ssl_keyfile=FILE of one's own. A
# relative path begins at the folder of this file.
# redis_url = ""

# Where artifacts go: a folder, or a URL of s3, gs or az. Empty: <home>/storage. A URL needs the
# extra of its name, pip install 'elsewhere[s3]', and what the storage's own tools expect: for s3
# AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or ~/.aws, for gs
# GOOGLE_APPLICATION_CREDENTIALS, for az AZURE_STORAGE_CONNECTION_STRING.
# output_uri = ""

# Bytes of code that may travel with a task because no remote repository has them, and of wheels
# of packages because no index has them as they are installed here.
# capture_limit_bytes = 67108864

# What is installed for a task. environment: all that is installed here; imports: what its code
# imports, and what that needs; requirements: the requirements.txt of its repository; the path of a
# requirements file, a uv.lock or a pylock.toml; auto: environment in a virtual environment or one
# of conda, else imports.
# packages = "auto"

# Seconds after which a running task that nobody reports for is shown as unreachable ...
# lease_s = 45.0
# ... and is given up, or enqueued again where the task asks for that.
# lost_after_s = 900.0
# Seconds between SIGTERM and SIGKILL when a task is stopped.
# stop_grace_s = 10.0

# Hours within which a script that runs again may overwrite its last task, as long as that left no
# artifacts and no models.
# reuse_within_h = 72.0

# Whether a repository's remote that is a path of this machine is there for every agent, too.
# local_remotes_are_shared = false

# Environment variables that are recorded as parameters: names and patterns, commas between them.
# log_environment = ""

# Quality of the images that a script reports and that become a JPEG, 1 to 100.
# image_quality = 87

# Whether scripts report into a folder, to be imported later, instead of the Redis.
# offline_mode = false

[agent]
# What this agent is called; no two that share a Redis may have the same name. Default: the host's.
# name = "gpu-box-1"

# The queues that it serves; the first one that has a task goes first.
# With "big=4" a task of that queue gets 4 GPUs, if it names no other number itself.
# queues = ["default"]
# Whether the queues take turns, and whether it is the turn of the user who has least.
# order_fairness = false
# user_fairness = false

# How many tasks run at the same time; where queues name GPUs, by default as many as fit on them.
# slots = 1

# For services and other small tasks: so many at the same time, in place of slots, which see no GPU
# of this machine. 0: not.
# services = 0

# When it takes tasks, by this machine's clock; what runs goes on. Mon-Fri 18:00-08:00, Sat-Sun for
# instance; one that ends before it begins ends on the next day. Empty: always.
# hours = ""

# It ends by itself after so many tasks, or after so many seconds without one. 0: never.
# max_tasks = 0
# exit_when_idle_s = 0.0

# Where it serves /healthz, /status.json and /metrics: HOST:PORT, a port of 127.0.0.1, or the path
# of a socket. Who reaches it can read what runs here. Empty: nowhere.
# health = ""

# The GPUs to give out: all that CUDA_VISIBLE_DEVICES shows the agent, none, or "0,1", ids, "0:1"
# for a part (MIG). A task gets an equal part of them, or as many as it or its queue names.
# gpus = "all"
# Whether tasks that ask for less than one share a GPU, and whether those that others use are
# given out.
# share_gpus = false
# share_busy_gpus = false

# What one task may use: cores, bytes of memory, bytes of its run folder, seconds. 0: no limit. A
# size may be a text, "32GB". A task that needs more is left to other agents.
# cpus = 0
# memory_bytes = 0
# disk_bytes = 0
# time_limit_s = 0.0

# Seconds that the folder of an ended run is kept; longer while a file of it could not be uploaded.
# keep_runs_s = 86400.0

# What installs packages: uv or pip. Empty: uv where it is there.
# installer = ""
# Where packages come from, in place of the installer's own default; a URL may hold a password.
# index_url = ""
# extra_index_urls = []
# Folders of wheels, or URLs of pages that link to them.
# find_links = []
# Further arguments for each call of the installer.
# installer_options = []
# Packages for the environment of every task: installed before its own, as what builds of them need
# (with installer_options = ["--no-build-isolation"]), and after its own. A task's own version wins
# over one of pre_packages, and one of post_packages over the task's.
# pre_packages = []
# post_packages = []
# Which build of torch tasks get. auto: that for this machine's GPU, or its processor; as captured;
# or one by name: cpu, cu128, rocm6.3, xpu. A name, and auto beyond what the index has, need uv.
# torch = "auto"

# Bytes of all environments, of all mirrors of repositories, of all data that tasks brought along,
# of all folders of ended runs, of what tasks keep in ELSEWHERE_CHECKPOINTS for their next attempts,
# and of all images that the agent has pulled. Over that, those unused for longest are removed,
# never one in use, nor an image that was there or has another name by now: agent cache list,
# agent cache gc.
# environments_bytes = 50000000000
# mirrors_bytes = 50000000000
# data_bytes = 50000000000
# runs_bytes = 50000000000
# checkpoints_bytes = 50000000000
# images_bytes = 50000000000
# Bytes that must be free on the disk of the runs before a task is taken; caches give way to that.
# free_bytes = 1000000000

# Bytes of code that may lie in the Redis. Above that, the code of the tasks that ended first goes
# to output_uri, if that is a URL that other machines read, too; it is read from there.
# code_memory_bytes = 1073741824

# Variables of the agent's environment that every task gets.
# pass_environment = []

# Patterns of files that tasks write below their code, relative to it, such as "out/**": at the end
# of a run, also of one that was stopped or failed, each such file becomes an artifact.
# keep = []

# Whether a task's repository may be a path of this machine. Only for trying things out.
# allow_local_remotes = false

# What a task may do with the store beside reporting: none; read other tasks; or full, change and
# enqueue them, too. For read the agent makes a user of Redis for each run, and needs the rights to
# do so. Outside of containers a task is the agent's user, who can read this file.
# store_access = "full"

# Where artifacts of tasks go that name no place. Empty: output_uri above. What could not be
# uploaded is tried again when the agent starts, and every ten minutes.
# output_uri = ""

# debug, info, warning or error
# log_level = "info"
# Whether each line of the log is a JSON object.
# log_json = false

# Who the agent is to a git host: over https a user with a token_file, or a token right here; over
# ssh the file of a private key. Where there is only a token, ssh URLs are read over https. The key
# of an ssh host must stand in <home>/known_hosts, ~/.ssh/known_hosts or /etc/ssh/ssh_known_hosts.
# [agent.git_credentials."git.example.org"]
# user = "ci"
# token_file = "/etc/elsewhere/git-token"
# ssh_key = "~/.ssh/id_ed25519"

# Executables that run before and after the code, the packages and the program of a task are there,
# with ELSEWHERE_TASK_ID, ELSEWHERE_RUN_FOLDER, ELSEWHERE_CODE_FOLDER and ELSEWHERE_HOOK, its name.
# A task fails where one that comes before does; each may take ten minutes. What they print is in
# the task's output.
# [agent.hooks]
# before_checkout = "/etc/elsewhere/hooks/mount"
# after_checkout = ""
# before_install = ""
# after_install = ""
# before_run = ""
# after_run = "/etc/elsewhere/hooks/tidy"

# Folders and files of this machine by the names that tasks use: Task.init(mounts={"data/corpus":
# "corpus"}) finds this one at data/corpus of its code.
# [data]
# corpus = "/mnt/corpus"

# A secret that tasks ask for by its name, Task.init(secrets=["HF_TOKEN"]), and get as a variable;
# its value is hidden in all that they report. It is what a file has, a variable of the agent (env),
# or what a command prints: ["pass", "show", "hf"]. With as = "file" the variable has the path of a
# file with it, with always = true all tasks get it, unasked. Only tasks, queues and projects that
# fit get it, where there are patterns for them.
# [secrets.HF_TOKEN]
# file = "~/.config/hf-token"
# as = "env"
# always = false
# tasks = ["*"]
# queues = ["*"]
# projects = ["nlp/*"]

# Tasks in containers, as `agent daemon --docker IMAGE ARGUMENTS` has it, of Docker or of an engine
# that speaks as it does.
# [agent.docker]
# enabled = false

# The image of a task that names none, and arguments of `docker run` for all. They may do anything.
# image = ""
# arguments = []

# Images by what a task has, each a table with an image, and a package (torch>=2), a queue or how a
# repository's URL ends (org/*), or arguments, too: the first one of which all holds counts.
# rules = []

# What tasks may give as their own arguments beside the harmless ones, such as --env, --shm-size and
# lower limits; and folders that they may mount, with :ro behind one that they may only read.
# allowed_arguments = []
# allowed_mounts = []

# The network of a task: on, off, or the name of one of the engine's. Without, it reports as well.
# network = "on"

# UID:GID of programs. Empty: the agent's own.
# user = ""

# Where the engine is. Empty: as DOCKER_HOST says, or unix:///var/run/docker.sock.
# url = ""

# When an image is pulled: missing, always or never.
# pull = "missing"
"""


def initialize(settings: Settings, redis_url: str | None) -> str:
    """Checks that the store can be used, and writes config.toml if there is none. Returns a
    description of what was done.

    Raises StoreUnavailableError, with nothing written, and ConfigurationError for a URL that would
    have to be written into an existing file.
    """
    config = settings.config
    if redis_url is not None and config.exists():
        raise ConfigurationError(
            f"There are settings in {config} already, which are not changed. Set redis_url there."
        )
    url = store_url(settings if redis_url is None else replace(settings, redis_url=redis_url))
    connect(url).close()
    answers = f"The store at {hide_passwords(url)} answers."
    if config.exists():
        return f"The settings in {config} are kept as they are. {answers}"
    text = TEMPLATE
    if redis_url is not None:
        line = f"redis_url = {json.dumps(redis_url, ensure_ascii=False)}"
        text = text.replace('# redis_url = ""', line)
    settings.home.ensure()
    descriptor = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return f"{config} is written, with every setting at its default. {answers}"
