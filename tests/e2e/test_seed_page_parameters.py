"""What a task is given, as the page that describes `Task` says it.

section of the page                 test
Setting Parameters                  test_parameters_are_replaced_added_and_read
Adding Parameters                   test_parameters_are_replaced_added_and_read
Accessing Parameters                test_parameters_are_replaced_added_and_read
Tracking Python Objects             test_an_object_and_a_dict_are_tracked
Configuration Objects               test_a_configuration_is_a_dict_or_a_file
User Properties                     test_user_properties_are_set_at_any_stage
"""

from __future__ import annotations

import json

from elsewhere.core.records import TaskRecord
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts


def values(record: TaskRecord) -> dict[str, object]:
    return {name: one.value for name, one in record.parameters.items()}


def test_parameters_are_replaced_added_and_read(scripts: Scripts, store: RedisStore) -> None:
    task_id = scripts.run("""
        task = Task.init(project_name='examples', task_name='parameters')
        task.set_parameters({'before': 1})

        # override parameters with provided dictionary
        task.set_parameters({'Args/epochs':7, 'lr': 0.5})

        # setting a single parameter
        task.set_parameter(name='decay',value=0.001)
        print(json.dumps(task.id))
    """).said
    first = {"Args/epochs": 7, "General/lr": 0.5, "General/decay": 0.001}
    assert values(store.read(task_id)) == first

    printed = scripts.run(f"""
        draft = Task.clone('{task_id}', name='more parameters')
        task = Task.get_task(task_id=draft.id)

        # add parameters
        task.set_parameters_as_dict({{'my_args/lr':0.3, 'epochs':10}})
        task.set_parameters_as_dict({{'my_args': {{'deep': {{'er': True}}}}}})

        task = Task.get_task(project_name='examples', task_name='more parameters')
        parameters = task.get_parameters()
        # case counts
        param = [task.get_parameter(name="Args/epochs"), task.get_parameter(name="args/epochs")]
        print(json.dumps([parameters, param]))
    """).said
    added = {"my_args/lr": 0.3, "General/epochs": 10, "my_args/deep/er": True}
    assert printed == [{**first, **added}, [7, None]]


def test_an_object_and_a_dict_are_tracked(scripts: Scripts, store: RedisStore) -> None:
    """As they evolve: what they are at the end is recorded."""
    printed = scripts.run("""
        class Person:
            def __init__(self, name, age):
                self.name = name
                self.age = age

        me = Person('Erik', 5)

        params_dictionary = {'epochs': 3, 'lr': 0.4}

        task = Task.init(project_name='examples',task_name='argparser')

        task.connect(me)
        task.connect(params_dictionary)
        at_once = task.get_parameters()
        me.age += 1
        params_dictionary['lr'] = 0.2
        print(json.dumps([task.id, at_once]))
    """).said
    task_id, at_once = printed
    connected = {"General/name": "Erik", "General/age": 5, "General/epochs": 3, "General/lr": 0.4}
    assert at_once == connected
    assert values(store.read(task_id)) == {**connected, "General/age": 6, "General/lr": 0.2}


def test_a_configuration_is_a_dict_or_a_file(scripts: Scripts, store: RedisStore) -> None:
    text = "a: [1,   2]  # kept as it is\n"
    (scripts.folder / "path" / "to").mkdir(parents=True)
    (scripts.folder / "path" / "to" / "file.yaml").write_text(text)
    printed = scripts.run("""
        task = Task.init(project_name='examples', task_name='configuration')
        # connect a configuration dictionary
        model_config_dict = {
           'value': 13.37,  'dict': {'sub_value': 'string'},  'list_of_ints': [1, 2, 3, 4],
        }
        model_config_dict = task.connect_configuration(
          name='dictionary', configuration=model_config_dict
        )

        # connect a configuration file
        config_file_yaml = task.connect_configuration(
          name="yaml file", configuration='path/to/file.yaml'
        )
        print(json.dumps([task.id, model_config_dict, config_file_yaml]))
    """).said
    task_id, model_config, config_file = printed
    config = {"value": 13.37, "dict": {"sub_value": "string"}, "list_of_ints": [1, 2, 3, 4]}
    assert model_config == config
    assert config_file == "path/to/file.yaml"
    record = store.read(task_id)
    assert set(record.configurations) == {"dictionary", "yaml file"}
    assert json.loads(record.configurations["dictionary"].text) == config
    assert record.configurations["yaml file"].text == text
    assert record.configurations["yaml file"].type == "yaml"
    assert values(record) == {}, "its inside is nobody's business"


def test_user_properties_are_set_at_any_stage(scripts: Scripts, store: RedisStore) -> None:
    printed = scripts.run("""
        task = Task.init(project_name='examples', task_name='properties')
        task.set_user_properties(
          {"name": "backbone", "description": "network type", "value": "great"}
        )
        task.close()
        task = Task.get_task(task_id=task.id)
        task.set_user_properties(stage="done")
        print(json.dumps([task.id, task.get_status(), task.get_user_properties(value_only=True)]))
    """).said
    task_id, status, properties = printed
    assert (status, properties) == ("completed", {"backbone": "great", "stage": "done"})
    backbone = store.read(task_id).properties["backbone"]
    assert (backbone.value, backbone.description) == ("great", "network type")
    assert values(store.read(task_id)) == {}
