"""Wrong calls of any task, model or storage, and of none.

A row is a call, as a script would write it, and a part of the sentence that it gives.
"""

from __future__ import annotations

from typing import Final

#: of any task, and of what is there without one
ANY: Final[dict[str, list[tuple[str, str]]]] = {
    "Task.add_tags": [("task.add_tags(5)", "Tags are a text"), ("gone.add_tags('a')", "no task")],
    "Task.set_tags": [("task.set_tags([1])", "Tags are a text")],
    "Task.remove_tags": [("task.remove_tags(None)", "Tags are a text")],
    "Task.set_system_tags": [("task.set_system_tags('archivd')", "Did you mean 'archived'?")],
    "Task.set_archived": [("task.set_archived('no')", "archive must be True or False, not 'no'")],
    "Task.set_name": [("task.set_name('')", "it has 0 characters")],
    "Task.name": [("task.name = 5", "name of a task must be a text")],
    "Task.rename": [("task.rename(['x'])", "name of a task must be a text")],
    "Task.set_comment": [("task.set_comment(5)", "A comment must be a text, not 5")],
    "Task.comment": [("task.comment = None", "A comment must be a text, not None")],
    "Task.set_parent": [
        ("task.set_parent(5)", "a task, its id or None"),
        ("task.set_parent('x')", "There is no task with the id 'x'"),
    ],
    "Task.set_project": [
        ("task.set_project()", "give its id or its name"),
        ("task.set_project(project_name=5)", "name of a project must be a text"),
    ],
    "Task.move_to_project": [("task.move_to_project('a')", "it has 1 character")],
    "Task.set_task_type": [
        ("task.set_task_type(None)", "give one of Task.TaskTypes"),
        ("task.set_task_type('trainin')", "Did you mean 'training'?"),
    ],
    "Task.wait_for_status": [
        ("task.wait_for_status('complete')", "Did you mean 'completed'?"),
        ("task.wait_for_status(5)", "must be a list of statuses"),
        ("task.wait_for_status(check_interval_sec='x')", "a number of seconds, more than 0"),
        (
            "task.wait_for_status(within_s='x')",
            "within_s must be a number of seconds, 0 or more, or None for no limit, not 'x'",
        ),
        (
            "task.wait_for_status(within_s=float('nan'))",
            "within_s must be a number of seconds, 0 or more, or None for no limit, not nan",
        ),
    ],
    "Task.mark_completed": [
        ("task.mark_completed(status_message=5)", "status_message must be a text, not 5")
    ],
    "Task.mark_failed": [
        ("task.mark_failed(status_reason=[1])", "status_message must be a text, not [1]")
    ],
    "Task.mark_stopped": [
        ("task.mark_stopped(status_message=5)", "status_message must be a text, not 5")
    ],
    "Task.stopped": [("task.stopped(status_message=5)", "status_message must be a text, not 5")],
    "Task.mark_stop_request": [
        ("task.mark_stop_request(status_message=5)", "status_message must be a text, not 5")
    ],
    "Task.stop_request": [
        ("task.stop_request(status_message=5)", "status_message must be a text, not 5")
    ],
    "Task.delete": [
        ("task.delete()", "cannot be deleted: it is in_progress"),
        ("task.delete(callback=5)", "callback is a function"),
        ("published.delete(raise_on_error=True)", "is published: it is not deleted"),
        ("gone.delete()", "There is no task with the id"),
    ],
    "Task.delete_artifacts": [
        ("task.delete_artifacts(5)", "a list of texts, not 5"),
        ("task.delete_artifacts(['x'])", "has no artifact 'x'"),
    ],
    "Task.set_parameters": [
        ("task.set_parameters(5)", "takes dicts of names and values"),
        ("task.set_parameters({1: 2})", "The name of a parameter must be a text, not 1"),
        ("task.set_parameters(a=object())", "is not set"),
        ("published.set_parameters({'a': 1})", "it is published"),
    ],
    "Task.update_parameters": [("task.update_parameters(['x'])", "takes dicts of names")],
    "Task.set_parameters_as_dict": [("task.set_parameters_as_dict(None)", "takes dicts of names")],
    "Task.set_parameter": [
        ("task.set_parameter(None, 1)", "The name of a parameter must be a text, not None"),
        ("task.set_parameter('', 1)", "''"),
        ("task.set_parameter('a', object())", "is not set"),
        (
            "task.set_parameter('a', 1, description=5)",
            "The description of 'General/a' must be a text, not 5",
        ),
        ("task.set_parameter('a', 1, value_type='itn')", "Did you mean 'int'?"),
    ],
    "Task.get_parameter": [
        ("task.get_parameter(5)", "The name of a parameter must be a text, not 5")
    ],
    "Task.delete_parameter": [
        ("task.delete_parameter(['a'])", "The name of a parameter must be a text, not ['a']")
    ],
    "Task.set_configuration_object": [
        ("task.set_configuration_object('a')", "by config_text or by config_dict"),
        (
            "task.set_configuration_object(5, 'x')",
            "The name of a configuration must be a text, not 5",
        ),
        ("task.set_configuration_object('a', 5)", "config_text must be a text"),
        ("task.set_configuration_object('a', config_dict='x')", "must be a dict or a list"),
    ],
    "Task.get_configuration_object": [
        ("task.get_configuration_object(5)", "The name of a configuration must be a text, not 5")
    ],
    "Task.get_configuration_object_as_dict": [
        (
            "task.get_configuration_object_as_dict(None)",
            "The name of a configuration must be a text, not None",
        )
    ],
    "Task.delete_configuration_object": [
        (
            "task.delete_configuration_object('')",
            "The name of a configuration cannot be empty: it must be a text",
        )
    ],
    "Task.set_model_label_enumeration": [
        ("task.set_model_label_enumeration([1])", "Labels are a dict such as")
    ],
    "Task.set_user_properties": [
        ("task.set_user_properties(5)", "User properties are dicts"),
        ("task.set_user_properties(a=object())", "'a' is not set"),
        ("gone.set_user_properties(a=1)", "There is no task with the id"),
    ],
    "Task.delete_user_properties": [
        ("task.delete_user_properties(5)", "The name of a user property must be a text, not 5")
    ],
    "Task.set_input_model": [
        ("task.set_input_model()", "give one of them"),
        ("task.set_input_model('x')", "must be the id of a model"),
        ("task.set_input_model(model_name='nett')", "Did you mean 'net'?"),
        ("task.set_input_model(net.id, name=5)", "name must be a text"),
    ],
    "Task.remove_input_models": [
        ("task.remove_input_models(5)", "has no input model 5"),
        ("task.remove_input_models(None)", "has no input model None"),
        ("task.remove_input_models(['x'])", "has no input model 'x'"),
    ],
    "Task.update_output_model": [
        ("task.update_output_model(5)", "must be the path of a file or a folder"),
        ("task.update_output_model('a' * 300)", "is not a path"),
        ("task.update_output_model('net.bin', tags=5)", "must be a list of texts"),
        ("task.update_output_model('net.bin', iteration='x')", "must be a whole number"),
    ],
    "Task.set_repo": [("task.set_repo(5)", "repository must be a text")],
    "Task.set_script": [
        ("task.set_script(diff=5)", "diff must be a text"),
        ("task.set_script(diff=Path('a'))", "diff must be a text"),
        ("task.set_script(entry_point=['x'])", "entry point must be a text"),
        ("task.set_script(argv=5)", "argv is a list of texts"),
        ("task.set_script(argv=[5])", "argv is a list of texts"),
        ("task.set_script(argv='--name \"x')", "cannot be split"),
        ("task.set_script('https://me:pw@x/y.git')", "cannot hold a password"),
    ],
    "Task.set_retries": [
        ("task.set_retries(-1)", "count must be a whole number of 0 or more"),
        ("task.set_retries(2, reasons=['lots'])", "Did you mean 'lost'?"),
        ("task.set_retries(2, reasons=5)", "reasons"),
        ("task.set_retries(2, backoff_s=-1)", "backoff_s must be a number of seconds"),
        ("task.set_retries(2, backoff_s=float('inf'))", "not infinite"),
        ("task.set_retries(2, avoid_host='yes')", "avoid_host"),
    ],
    "Task.set_packages": [
        ("task.set_packages(None)", "a list of requirement lines or the path"),
        ("task.set_packages('none.txt')", "No such file"),
        ("task.set_packages(['./libs/x'])", "is a path of this machine, and does not travel"),
        ("task.set_packages('~nobody-here/a.txt')", "cannot be read"),
    ],
    "Task.set_resources": [
        ("task.set_resources(gpus='many')", "or the share of one below 1, not 'many'"),
        ("task.set_resources(gpus=1.5)", "a whole number, or the share of one below 1, not 1.5"),
        ("task.set_resources(gpus=float('nan'))", "or the share of one below 1, not nan"),
        ("task.set_resources(gpus=-1)", "a whole number, or the share of one below 1, not -1"),
        ("task.set_resources(cpus=0.5)", "The number of cores must be a whole number"),
        ("task.set_resources(memory='much')", "a text such as '32GB', not 'much'"),
        ("task.set_resources(disk=-1)", "a text such as '32GB', not -1"),
    ],
    "Task.set_time_limit": [("task.set_time_limit('1h')", "a number of seconds, 0 or more")],
    "Task.set_priority": [("task.set_priority(0.5)", "The priority must be a whole number")],
    "Task.set_base_docker": [
        ("task.set_base_docker(5)", "must be a text"),
        ("task.set_base_docker(docker_image='a b')", "is not an image"),
        ("task.set_base_docker(docker_arguments=[1])", "argument of the image must be a text"),
    ],
    "Task.update_task": [
        ("task.update_task(None)", "dict of export_task"),
        ("task.update_task({'nam': 'x'})", "Did you mean 'name'?"),
    ],
    "Task.get_reported_plots": [
        ("task.get_reported_plots(0)", "max_iterations must be a whole number of 1 or more"),
        ("gone.get_reported_plots()", "There is no task with the id"),
    ],
    "Task.get_reported_scalars": [
        ("task.get_reported_scalars('x')", "max_samples must be a whole number"),
        ("task.get_reported_scalars(x_axis=['iter'])", "There is no x_axis"),
        ("task.get_reported_scalars(x_axis='itr')", "Did you mean 'iter'?"),
        ("gone.get_reported_scalars()", "There is no task with the id"),
    ],
    "Task.get_all_reported_scalars": [
        ("task.get_all_reported_scalars(None)", "There is no x_axis None")
    ],
    "Task.get_last_scalar_metrics": [
        ("gone.get_last_scalar_metrics()", "There is no task with the id")
    ],
    "Task.artifacts": [("gone.artifacts", "There is no task with the id")],
    "Task.models": [("gone.models", "There is no task with the id")],
    "Task.get_reported_single_value": [
        ("task.get_reported_single_value(5)", "The name must be a text, not 5")
    ],
    "Task.get_debug_samples": [
        ("task.get_debug_samples(5, 's')", "The title must be a text, not 5"),
        ("task.get_debug_samples('t', None)", "The series must be a text, not None"),
        (
            "task.get_debug_samples('t', 's', -1)",
            "n_last_iterations must be a whole number of 0 or more, 0 for all, not -1",
        ),
        ("gone.get_debug_samples('t', 's')", "There is no task"),
    ],
    "Task.get_reported_console_output": [
        (
            "task.get_reported_console_output('x')",
            "number_of_reports must be a whole number of 1 or more, not 'x'",
        ),
        (
            "task.get_reported_console_output(0)",
            "number_of_reports must be a whole number of 1 or more, not 0",
        ),
    ],
    "Model.get_metadata": [("net.get_metadata(['x'])", "key of a model's metadata must be a text")],
    "Model.get_metadata_casted": [("net.get_metadata_casted(5)", "must be a text")],
    "Model.set_metadata": [
        ("net.set_metadata('', 1)", "cannot be empty"),
        ("net.set_metadata('a', '1', 'itn')", "Did you mean 'int'?"),
    ],
    "Model.set_all_metadata": [("net.set_all_metadata([1])", "must be a dict")],
    "Model.name": [("net.name = ''", "cannot be empty")],
    "Model.comment": [("net.comment = 5", "must be a text")],
    "Model.framework": [("net.framework = ['x']", "must be a text")],
    "Model.tags": [("net.tags = 5", "must be a list of texts")],
    "Model.get_reported_scalars": [
        ("net.get_reported_scalars('x')", "max_samples must be a whole number"),
        ("net.get_reported_scalars(x_axis='itr')", "Did you mean 'iter'?"),
        ("removed.get_reported_scalars()", "There is no model with the id"),
    ],
    "Model.get_reported_plots": [
        ("net.get_reported_plots(0)", "max_iterations must be a whole number of 1 or more"),
        ("removed.get_reported_plots()", "There is no model with the id"),
    ],
    "Model.query_models": [
        ("Model.query_models(5)", "must be a text"),
        ("Model.query_models(model_name='(')", "must be a regular expression"),
        (
            "Model.query_models(model_name='a{99999999999999999999}')",
            "must be a regular expression",
        ),
        ("Model.query_models(max_results='x')", "must be a whole number of 1 or more"),
        ("Model.query_models(metadata=5)", "metadata"),
    ],
    "Model.remove": [
        ("Model.remove(5)", "must be the id of a model"),
        ("Model.remove('0' * 32)", "There is no model with the id"),
    ],
    "Model.archive": [("removed.archive()", "There is no model with the id")],
    "Model.publish": [("net.publish()", "it has no weights")],
    "InputModel.import_model": [
        ("InputModel.import_model(5)", "must be a URL"),
        ("InputModel.import_model('known.bin', name=5)", "must be a text"),
        ("InputModel.import_model('known.bin', tags=5)", "must be a list of texts"),
        ("InputModel.import_model('ftp://x/y')", "There is no storage for the scheme"),
    ],
    "InputModel.load_model": [("InputModel.load_model(None)", "must be a URL")],
    "InputModel.empty": [
        ("InputModel.empty(5)", "config_text must be a text"),
        ("InputModel.empty(label_enumeration={1: 2})", "texts with whole numbers"),
    ],
    "OutputModel.set_upload_destination": [
        ("net.set_upload_destination(5)", "must be a text"),
        ("net.set_upload_destination('ftp://x')", "There is no storage for the scheme"),
    ],
    "OutputModel.wait_for_uploads": [("net.wait_for_uploads('x')", "a number of seconds")],
    "OutputModel.update_design": [
        ("net.update_design()", "give one of them"),
        ("removed.update_design('x')", "There is no model with the id"),
    ],
    "OutputModel.update_labels": [("net.update_labels(5)", "Labels are a dict such as")],
    "OutputModel.update_weights": [
        ("net.update_weights()", "give one of them"),
        ("net.update_weights('none.bin')", "no such file or folder"),
        ("net.update_weights('a' * 300)", "is not a path"),
        ("net.update_weights('~nobody-here/a')", "no such file or folder"),
        ("removed.update_weights(register_uri='s3://a/b')", "There is no model with the id"),
    ],
    "OutputModel.update_weights_package": [
        ("net.update_weights_package('net.bin')", "must be a list of paths"),
        ("net.update_weights_package(weights_path='net.bin')", "must be a folder"),
    ],
    "StorageManager.download_file": [
        ("StorageManager.download_file(None)", "A URL or a path is needed"),
        ("StorageManager.download_file('none')", "There is no file"),
        ("StorageManager.download_file('net.bin', 5)", "path of a file or a folder is needed"),
    ],
    "StorageManager.download_folder": [
        ("StorageManager.download_folder('none')", "There is no file"),
        ("StorageManager.download_folder('.', '.', match_wildcard=5)", "must be a text such as"),
    ],
    "StorageManager.exists_file": [("StorageManager.exists_file(['x'])", "URL or a path")],
    "StorageManager.get_file_size_bytes": [
        ("StorageManager.get_file_size_bytes('none')", "There is no file"),
        ("StorageManager.get_file_size_bytes('a' * 300)", "is not a path"),
    ],
    "StorageManager.get_local_copy": [
        ("StorageManager.get_local_copy('')", "A URL or a path is needed"),
        ("StorageManager.get_local_copy('net.bin', name='a/b')", "must be a file name"),
        ("StorageManager.get_local_copy('ftp://x/y')", "There is no storage for the scheme"),
    ],
    "StorageManager.get_metadata": [("StorageManager.get_metadata(5)", "URL or a path")],
    "StorageManager.list": [("StorageManager.list(5)", "URL or a path")],
    "StorageManager.set_cache_file_limit": [
        ("StorageManager.set_cache_file_limit('x')", "must be a whole number of 1 or more")
    ],
    "StorageManager.upload_file": [
        ("StorageManager.upload_file('', 'x')", "named by a path"),
        ("StorageManager.upload_file('none', 'x')", "There is no file none"),
        ("StorageManager.upload_file('net.bin', 'x', retries='2')", "retries must be a whole"),
    ],
    "StorageManager.upload_folder": [
        ("StorageManager.upload_folder('', 'x')", "named by a path"),
        ("StorageManager.upload_folder('net.bin', 'x')", "There is no folder net.bin"),
        ("StorageManager.upload_folder('.', 'a\\0b')", "is not a path"),
        ("StorageManager.upload_folder('.', 'x', 5)", "must be a text such as"),
    ],
    "TaskParameters": [
        ("Settings(1, 2, 3)", "takes 2 values, not 3"),
        ("Settings(0.1, rate=0.2)", "was given 'rate' twice"),
        ("Settings(rat=0.1)", "Did you mean 'rate'?"),
        ("Settings(rate=2)", "at least 0 and at most 1"),
        ("Settings(rate='x')", "rate"),
        ("Settings(rate=None)", "cannot be None"),
    ],
    "TaskParameters.update_from_dict": [
        ("Settings().update_from_dict(5)", "takes a dict"),
        ("Settings().update_from_dict({1: 2})", "has no parameter 1"),
    ],
    "param": [
        ("param(type='int')", "cannot have the type 'int'"),
        ("param(range=5)", "its least and its greatest value"),
        ("param(validator=5)", "validator is a function"),
    ],
    "percent_param": [("percent_param(validator='x')", "validator is a function")],
}
