"""Wrong calls of a script that is no task yet, and of its own task.

A row is a call, as a script would write it, and a part of the sentence that it gives.
"""

from __future__ import annotations

from typing import Final

#: before the script is a task
BEFORE: Final[dict[str, list[tuple[str, str]]]] = {
    "WeightsFileHandler.add_pre_callback": [
        ("WeightsFileHandler.add_pre_callback(5)", "must be a function of the type"),
    ],
    "WeightsFileHandler.add_post_callback": [
        ("WeightsFileHandler.add_post_callback(None)", "must be a function of the type"),
    ],
    "Task.init": [
        ("Task.init(5)", "name of a project must be a text, not 5"),
        ("Task.init('ab')", "it has 2 characters, and 3 to 200 are needed"),
        ("Task.init('examples', ['x'])", "name of a task must be a text"),
        ("Task.init('examples', 'a\\0bc')", "it has control characters"),
        ("Task.init(task_type='trainin')", "Did you mean 'training'?"),
        ("Task.init(tags=5)", "Tags are a text with spaces between them, or a list of texts"),
        ("Task.init(reuse_last_task_id=None)", "takes True, False or a task's id"),
        ("Task.init(continue_last_task=1.5)", "or the iteration to go on from"),
        ("Task.init(continue_last_task=2**70)", "from -2**62 to 2**62"),
        ("Task.init(continue_last_task='0')", "There is no task with the id '0'"),
        ("Task.init(output_uri=5)", "output_uri"),
        ("Task.init(output_uri='ftp://x')", "There is no storage for the scheme"),
        ("Task.init(auto_connect_arg_parser=[1])", "must be True, False or a dict"),
        ("Task.init(auto_connect_frameworks={'pytorhc': True})", "Did you mean 'pytorch'?"),
        ("Task.init(auto_connect_streams={'stdot': True})", "Did you mean 'stdout'?"),
        ("Task.init(auto_resource_monitoring={'first_report_sec': 'x'})", "cannot be 'x'"),
    ],
    "Task.add_requirements": [
        ("Task.add_requirements(None)", "added by its name"),
        ("Task.add_requirements(['numpy'])", "must be a text"),
        ("Task.add_requirements('numpy', 2)", "must be a text such as '1.0', not 2"),
        ("Task.add_requirements('none.txt')", "'none.txt' cannot be read: No such file"),
        ("Task.add_requirements('a @ https://me:pw@x/a.whl')", "cannot hold a password"),
    ],
    "Task.ignore_requirements": [
        ("Task.ignore_requirements(5)", "package must be a text, not 5"),
        ("Task.ignore_requirements('')", "ignored by its name"),
    ],
    "Task.choose_packages": [
        ("Task.choose_packages('import')", "Did you mean 'imports'"),
        ("Task.choose_packages('none.lock')", "which is no file"),
        ("Task.choose_packages(3)", "must be a text"),
    ],
    "Task.force_requirements_env_freeze": [
        ("Task.force_requirements_env_freeze(True, 'none.txt')", "No such file"),
        ("Task.force_requirements_env_freeze(requirements_file=[1])", "must be a text"),
    ],
    "Task.set_random_seed": [
        ("Task.set_random_seed('x')", "The seed cannot be"),
        ("Task.set_random_seed(1.5)", "The seed cannot be"),
    ],
    "Task.set_offline": [
        ("Task.set_offline('no')", "offline_mode must be True or False, not 'no'"),
    ],
    "Task.debug_simulate_remote_task": [
        ("Task.debug_simulate_remote_task(None)", "A task is needed, or its id"),
        ("Task.debug_simulate_remote_task('x')", "There is no task with the id 'x'"),
    ],
    "Task.clone": [
        ("Task.clone()", "A task is needed, or its id, not None"),
        ("Task.clone(task, name='x')", "it has 1 character"),
        ("Task.clone(task, comment=5)", "A comment must be a text, not 5"),
        ("Task.clone(task, parent='x')", "There is no task with the id 'x'"),
        ("Task.clone(task, project=5)", "name of a project must be a text"),
    ],
    "Task.create": [
        ("Task.create()", "give project_name, or call Task.init before"),
        ("Task.create('examples', task_name=5)", "name of a task must be a text"),
        ("Task.create('examples', task_type='x')", "There is no task type 'x'"),
        ("Task.create('examples', repo=5)", "repo must be a text"),
        ("Task.create('examples', repo='./none')", "There is no repository './none'"),
        ("Task.create('examples', script='none.py')", "There is no script 'none.py'"),
        ("Task.create('examples', script='~nobody-here/a.py')", "There is no script"),
        ("Task.create('examples', script='a' * 300)", "is not a path"),
        ("Task.create('examples', module='none_such')", "There is no module 'none_such'"),
        ("Task.create('examples', script='a.py', module='b')", "not both"),
        ("Task.create('examples', packages=5)", "a list of requirement lines or the path"),
        ("Task.create('examples', packages='a\\0b')", "is not a path"),
        ("Task.create('examples', packages=True)", "give a list of requirement lines"),
        ("Task.create('examples', requirements_file='none')", "No such file"),
        ("Task.create('examples', docker=5)", "docker command must be a text"),
        ("Task.create('examples', docker_args='\"')", "cannot be split"),
        ("Task.create('examples', argparse_args=5)", "pairs of a name and a value"),
        ("Task.create('examples', argparse_args=['lr'])", "pairs of a name and a value"),
        ("Task.create('examples', argparse_args='lr')", "pairs of a name and a value"),
        ("Task.create('examples', base_task_id='x')", "There is no task with the id 'x'"),
        ("Task.create('examples', binary=5)", "binary must be a text"),
        ("Task.create('examples', argv=5)", "argv is a list of texts"),
    ],
    "Task.import_task": [
        ("Task.import_task(None)", "imported from the dict of export_task"),
        ("Task.import_task({'nam': 'x'})", "Did you mean 'name'?"),
        ("Task.import_task({'name': 'abc'}, 'x')", "There is no task with the id 'x'"),
    ],
    "Task.import_offline_session": [
        ("Task.import_offline_session(None)", "the path of its zip file, not None"),
        ("Task.import_offline_session('none.zip')", "it is not there"),
        ("Task.import_offline_session('a' * 300)", "is not a path"),
        ("Task.import_offline_session('net.bin')", "cannot be read"),
        ("Task.import_offline_session('net.bin', 5)", "must be a task's id, not 5"),
        ("Task.import_offline_session('net.bin', None, 'x')", "must be a whole number"),
        ("Task.import_offline_session('net.bin', None, 2**70)", "from -2**62 to 2**62"),
    ],
    "Task.enqueue": [
        ("Task.enqueue(None)", "A task is needed, or its id"),
        ("Task.enqueue(task, 5)", "given by its name, not 5"),
        ("Task.enqueue(task, 'a', 'b')", "not by both"),
        ("Task.enqueue(task, 'defalt')", "Did you mean 'default'?"),
        ("Task.enqueue(task, priority='high')", "The priority must be a whole number"),
        ("Task.enqueue(gone)", "There is no task with the id"),
        ("Task.enqueue(published)", "is published"),
    ],
    "Task.dequeue": [
        ("Task.dequeue(5)", "A task is needed, or its id"),
        ("Task.dequeue(task)", "it is in_progress"),
    ],
    "Task.get_num_enqueued_tasks": [
        ("Task.get_num_enqueued_tasks('defalt')", "Did you mean 'default'?"),
        ("Task.get_num_enqueued_tasks(queue_id=5)", "given by its name, not 5"),
    ],
    "Task.get_task": [
        ("Task.get_task(5)", "There is no task with the id 5"),
        ("Task.get_task(['x'])", "There is no task with the id"),
        ("Task.get_task(project_name='exampels')", "Did you mean 'examples'?"),
        ("Task.get_task(task_name=5)", "task_name must be a text"),
        ("Task.get_task(tags=5)", "tags must be a list of texts"),
        ("Task.get_task(tags=['__$nott', 'a'])", "__$nott"),
        ("Task.get_task(task_filter={'statuss': []})", "Did you mean 'status'?"),
    ],
    "Task.get_tasks": [
        ("Task.get_tasks(5)", "task_ids must be a list of texts, or one text, not 5"),
        ("Task.get_tasks(['x'])", "There is no task with the id 'x'"),
        ("Task.get_tasks(project_name=5)", "must be a list of texts, or one text"),
        ("Task.get_tasks(task_name='(')", "regular expression"),
        ("Task.get_tasks(tags=[''])", "names nothing"),
        ("Task.get_tasks(task_filter={'status': ['runing']})", "runing"),
        ("Task.get_tasks(task_filter={'order_by': ['nam']})", "Did you mean 'name'?"),
    ],
    "Task.query_tasks": [
        (
            "Task.query_tasks(additional_return_fields=5)",
            "additional_return_fields must be a list of texts, or one text, not 5",
        ),
        ("Task.query_tasks(additional_return_fields=[1])", "a list of texts"),
        ("Task.query_tasks(additional_return_fields='nam')", "Did you mean 'name'?"),
        ("Task.query_tasks(task_filter=5)", "task_filter must be a dict"),
    ],
    "Task.get_scalars_frame": [
        ("Task.get_scalars_frame(5)", "task_ids must be a list of texts, or one text, not 5"),
        ("Task.get_scalars_frame(['x'])", "There is no task with the id 'x'"),
        ("Task.get_scalars_frame([], max_samples=-1)", "max_samples must be a whole number"),
    ],
    "Task.get_projects": [
        ("Task.get_projects(5)", "name must be a text, not 5"),
        ("Task.get_projects('(')", "regular expression"),
        ("Task.get_projects('a{99999999999999999999}')", "regular expression"),
    ],
    "Task.get_project_id": [("Task.get_project_id(None)", "project_name must be a text, not None")],
    "OutputModel": [
        ("OutputModel()", "call Task.init before, or give it one"),
        ("OutputModel('x')", "takes a task, as Task.init or Task.get_task give it"),
        ("OutputModel(gone)", "There is no task with the id"),
        ("OutputModel(task, config_text=5)", "config_text must be a text"),
        ("OutputModel(task, label_enumeration=[1])", "Labels are a dict such as"),
        ("OutputModel(task, base_model_id='x')", "must be the id of a model"),
        ("OutputModel(task, tags=5)", "must be a list of texts"),
    ],
    "InputModel": [
        ("InputModel()", "needs model_id, or a name"),
        ("InputModel('x')", "must be the id of a model"),
        ("InputModel('0' * 32)", "There is no model with the id"),
        ("InputModel(name='nett')", "Did you mean 'net'?"),
    ],
}

#: of this script's own task
OWN: Final[dict[str, list[tuple[str, str]]]] = {
    "Task.init": [
        ("Task.init(5)", "already is the task 'own'"),
        ("Task.init('another project')", "call close() first"),
        ("Task.init(task_type='x')", "There is no task type 'x'"),
    ],
    "Task.set_offline": [("Task.set_offline(True)", "is open")],
    "Task.connect": [
        ("own.connect(None)", "connect takes a dict, an object with attributes, a class"),
        ("own.connect('text')", "connect takes a dict"),
        ("own.connect([1])", "connect takes a dict"),
        ("own.connect({}, name=5)", "takes a name, such as 'optimizer'"),
        ("own.connect({}, name='')", "takes a name, such as 'optimizer'"),
    ],
    "Task.connect_configuration": [
        ("own.connect_configuration(None)", "'General' cannot be"),
        ("own.connect_configuration('none.yaml')", "none.yaml"),
        ("own.connect_configuration({'a': object()})", "object"),
        ("own.connect_configuration({}, name=['x'])", "takes a name, such as 'optimizer'"),
        ("own.connect_configuration({}, description=5)", "A description must be a text, not 5"),
    ],
    "Task.connect_label_enumeration": [
        ("own.connect_label_enumeration(None)", "Labels are a dict such as"),
        ("own.connect_label_enumeration({'a': 'b'})", "texts with whole numbers"),
    ],
    "Task.create_function_task": [
        ("own.create_function_task(None)", "needs a function, not None"),
        ("own.create_function_task(len, func_name=5)", "needs a name, and 5 is not one"),
        ("own.create_function_task(len)", "missing a required argument"),
        ("task.create_function_task(len)", "call it on what Task.init returned"),
    ],
    "Task.execute_remotely": [
        ("own.execute_remotely(5)", "queue name 5 cannot be used"),
        ("own.execute_remotely('defalt')", "Did you mean 'default'?"),
        ("own.execute_remotely(exit_process=False)", "use clone=True"),
        ("task.execute_remotely()", "needs a queue here"),
        ("task.execute_remotely(['a'])", "cannot be used"),
    ],
    "Task.register_abort_callback": [
        ("own.register_abort_callback(5)", "must be a function without arguments"),
        ("own.register_abort_callback(print, 'x')", "a number of seconds, more than 0"),
        ("task.register_abort_callback(print)", "call it on what Task.init returned"),
    ],
    "Task.register_artifact": [
        ("own.register_artifact(5, frame)", "artifact cannot"),
        ("own.register_artifact('a', None)", "DataFrame"),
        ("own.register_artifact('a', frame, metadata=5)", "metadata of an artifact must be a dict"),
        ("own.register_artifact('a', frame, uniqueness_columns=['c'])", "has no column 'c'"),
    ],
    "Task.unregister_artifact": [
        ("own.unregister_artifact(['x'])", "There is no registered artifact"),
        ("task.unregister_artifact('x')", "call it on what Task.init returned"),
    ],
    "Task.upload_artifact": [
        ("own.upload_artifact(5, {})", "artifact cannot"),
        ("own.upload_artifact('', {})", "artifact cannot"),
        ("own.upload_artifact('a', object, auto_pickle=False)", "'a' cannot"),
        ("own.upload_artifact('a', {}, extension_name='.jsn')", "jsn"),
        ("own.upload_artifact('a', {}, metadata=5)", "metadata of an artifact must be a dict"),
        ("own.upload_artifact('a', {}, retries='2')", "retries must be a whole number"),
        ("own.upload_artifact('a', {}, serialization_function=5)", "serialization_function"),
    ],
    "Task.set_initial_iteration": [
        ("own.set_initial_iteration('5')", "must be a whole number"),
        ("own.set_initial_iteration(True)", "must be a whole number"),
        ("own.set_initial_iteration(2**70)", "from -2**62 to 2**62"),
    ],
    "Task.set_progress": [("task.set_progress(5)", "call it on what Task.init returned")],
    "Logger.report_scalar": [
        ("log.report_scalar(None, 's', 1, 1)", "title=None"),
        ("log.report_scalar('t', ['s'], 1, 1)", "series="),
        ("log.report_scalar('t', 's', 'x', 1)", "it is text"),
        ("log.report_scalar('t', 's', 1, 1.5)", "must be a whole number"),
        ("log.report_scalar('t', 's', 1, 2**63)", "of 64 bits at most"),
    ],
    "Logger.report_image": [
        ("log.report_image('t', 's')", "exactly one of local_path, url, image, matrix, not none"),
        ("log.report_image('t', 's', image=[[1]], url='http://h/x')", "not url and image"),
        ("log.report_image('', 's', url='http://h/x')", "title=''"),
        ("log.report_image('t', 's', 0.5, url='http://h/x')", "must be a whole number"),
        ("log.report_image('t', 's', image='x')", "it holds values of the type <U1"),
        ("log.report_image('t', 's', matrix=[1, 2])", "it has the shape (2,)"),
        ("log.report_image('t', 's', local_path='nowhere.png')", "there is no such file"),
        ("log.report_image('t', 's', local_path='.')", "there is no such file"),
        ("log.report_image('t', 's', local_path=b'x')", "must be the path of a file, not b'x'"),
        ("log.report_image('t', 's', local_path='a\\0b')", "is not a path"),
        ("log.report_image('t', 's', url=5)", "The url must be a text, not 5"),
        ("log.report_image('t', 's', url=' ')", "The url cannot be empty"),
        (
            "log.report_image('t', 's', url='http://h/x', max_image_history=1.5)",
            "max_image_history must be a whole number, not 1.5",
        ),
        (
            "log.report_image('t', 's', local_path='net.bin', delete_after_upload='no')",
            "delete_after_upload must be True or False, not 'no'",
        ),
    ],
    "Logger.report_media": [
        ("log.report_media('t', 's')", "exactly one of local_path, stream, url, not none of them"),
        ("log.report_media('t', 's', stream=b'x')", "must be a text such as .html, not None"),
        ("log.report_media('t', 's', stream=b'x', file_extension='../x')", "not '../x'"),
        ("log.report_media('t', 's', stream=b'x', file_extension='')", "not ''"),
        ("log.report_media('t', 's', stream=5, file_extension='x')", "or a file that is open"),
        (
            "log.report_media('t', 's', stream=type('S', (), {'read': min})(), file_extension='x')",
            "cannot be reported: 'int' object",
        ),
        ("log.report_media('t', 's', url='x', max_history='all')", "max_history must be a whole"),
    ],
    "Logger.report_histogram": [
        ("log.report_histogram('', 's', [1])", "title=''"),
        ("log.report_histogram('t', 's', 'x')", "must be one row of numbers, or several"),
        ("log.report_histogram('t', 's', None)", "must be one row of numbers, or several"),
        ("log.report_histogram('t', 's', [1], mode='piled')", "There is no mode 'piled'"),
    ],
    "Logger.report_vector": [
        ("log.report_vector('t', 's', [1], 0.5)", "iteration=0.5: it must be a whole number"),
        ("log.report_vector('t', 's', [[[1]]])", "must be one row of numbers, or several"),
    ],
    "Logger.report_table": [
        ("log.report_table('t', 's')", "exactly one of table_plot, csv and url"),
        ("log.report_table('t', 's', table_plot=5)", "must be a data frame of pandas, or a list"),
        ("log.report_table('t', 's', csv='none.csv')", "cannot be read from 'none.csv'"),
    ],
    "Logger.report_line_plot": [
        ("log.report_line_plot('t', [5], 'x', 'y')", "is a dict with its name and its points"),
        ("log.report_line_plot('t', 5, 'x', 'y')", "is a dict with its name and its points"),
    ],
    "Logger.report_scatter2d": [
        ("log.report_scatter2d('t', 's', [1, 2])", "must be points of 2 numbers each"),
        ("log.report_scatter2d('t', 's', [[1, 2]], mode='dots')", "There is no mode 'dots'"),
    ],
    "Logger.report_scatter3d": [
        ("log.report_scatter3d('t', 's', [[1, 2]])", "must be points of 3 numbers each"),
    ],
    "Logger.report_confusion_matrix": [
        ("log.report_confusion_matrix('t', 's', [[1], [1, 2]])", "as many numbers in each row"),
    ],
    "Logger.report_matrix": [
        ("log.report_matrix('t', 's', [[1]], xlabels=['a', 'b'])", "xlabels must have 1 texts"),
    ],
    "Logger.report_surface": [
        ("log.report_surface('t', 's', [[1]], camera=5)", "camera must be three numbers"),
        ("log.report_surface('t', 's', [[1]], extra_layout=5)", "a dict of plotly's properties"),
    ],
    "Logger.report_plotly": [
        ("log.report_plotly('t', 's', 5)", "'int' is not a figure"),
        ("log.report_plotly('t', 's', '{')", "its text is not JSON"),
    ],
    "Logger.report_matplotlib_figure": [
        ("log.report_matplotlib_figure('t', 's', 5)", "A figure of matplotlib is needed"),
    ],
    "Logger.set_default_debug_sample_history": [
        ("log.set_default_debug_sample_history(None)", "max_history must be a whole number"),
    ],
    "Logger.set_default_upload_destination": [
        ("log.set_default_upload_destination(5)", "The upload destination must be a text"),
        ("log.set_default_upload_destination('')", "cannot be empty"),
        ("log.set_default_upload_destination('x://y')", "'x'"),
        ("log.set_default_upload_destination('s3://a:b@c/d')", "password is refused"),
    ],
    "Logger.report_single_value": [
        ("log.report_single_value('', 1)", "must be text that is not empty"),
        ("log.report_single_value('a', [1])", "cannot be reported"),
    ],
    "Logger.set_reporting_nan_value": [
        ("log.set_reporting_nan_value('x')", "it is text"),
        ("log.set_reporting_nan_value(float('inf'))", "replaced by a finite number, or by None"),
        ("log.set_reporting_nan_value(0, 0)", "warn_period must be a whole number of 1 or more"),
    ],
    "Logger.set_reporting_inf_value": [
        ("log.set_reporting_inf_value([1, 2])", "cannot be reported"),
        ("log.set_reporting_inf_value(0, 'x')", "warn_period must be a whole number"),
    ],
    "Logger.report_image_and_upload": [
        ("log.report_image_and_upload('t', 's', path='nowhere.png')", "there is no such file"),
    ],
    "Logger.report_text": [("log.report_text('a', level='info')", "such as logging.WARNING")],
    "OutputModel.connect": [
        ("net.connect('x')", "takes a task, as Task.init or Task.get_task give it"),
        ("net.connect(task, name=5)", "name of a model must be a text"),
    ],
    "InputModel.connect": [
        ("given.connect('x')", "takes a task, as Task.init or Task.get_task give it"),
        ("given.connect(own, name=5)", "name of a model must be a text"),
    ],
}
#: what a model reports by the calls of the logger
_OF_MODELS: Final = (
    *("scalar", "single_value", "histogram", "vector", "table", "line_plot", "scatter2d"),
    *("scatter3d", "confusion_matrix", "matrix", "surface", "plotly"),
)
OWN.update(
    {
        f"OutputModel.report_{name}": [
            (call.replace("log.", "net."), part) for call, part in OWN[f"Logger.report_{name}"]
        ]
        for name in _OF_MODELS
    }
)
