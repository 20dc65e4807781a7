"""Finding tasks, as the page that describes `Task` says it.

section of the page                 test
Accessing Tasks                     test_a_task_is_found_by_its_id_and_by_its_names
Querying / Searching Tasks          test_tasks_are_searched_by_tags_and_by_a_filter
Tag Filters                         test_the_pages_queries_of_tags_find_what_it_says
"""

from __future__ import annotations

from tests.sdk.scripts import Scripts


def test_a_task_is_found_by_its_id_and_by_its_names(scripts: Scripts) -> None:
    ran = scripts.run("""
        ids = []
        for number in range(3):
            task = Task.init('examples', 'artifacts', reuse_last_task_id=False)
            task.upload_artifact('data', {'number': number})
            task.get_logger().report_scalar('loss', 'train', float(number), 1)
            ids.append(task.id)
            task.close()
        a_task = Task.get_task(task_id=ids[0])
        found = [a_task.id]
        a_task = Task.get_task(project_name='examples', task_name='artifacts')
        found.append(a_task.id)
        Task.get_task(task_id=ids[1]).set_comment("changed last")
        a_task = Task.get_task(project_name='examples', task_name='artifacts')
        found.append(a_task.id)
        a_task.set_name("renamed")
        a_task.move_to_project(new_project_name="elsewhere")
        found.append(Task.get_task(project_name='elsewhere', task_name='renamed').id)
        print(json.dumps({
            "ids": ids, "found": found, "status": a_task.get_status(),
            "artifact": a_task.artifacts['data'].get(),
            "scalars": a_task.get_reported_scalars()['loss']['train']['y'],
        }))
    """)
    printed = ran.said
    first, second, third = printed["ids"]
    assert printed["found"] == [first, third, second, second]
    assert (printed["status"], printed["artifact"]) == ("completed", {"number": 1})
    assert printed["scalars"] == [1.0]


_TAGGED = """
from elsewhere import Task

def make(name, *tags, **fields):
    task = Task.create(project_name='examples', task_name=name, **fields)
    task.set_tags(tags)
    return task

def names(task_list):
    return sorted(task.name for task in task_list)
"""


def test_tasks_are_searched_by_tags_and_by_a_filter(scripts: Scripts) -> None:
    (scripts.folder / "tagged.py").write_text(_TAGGED)
    ran = scripts.run("""
        from tagged import make, names
        make('one', 'included_tag')
        make('two', 'included_tag', 'excluded_tag')
        make('three', 'excluded_tag')
        make('four', 'included_tag').set_archived(True)
        found = {}
        task_list = Task.get_tasks(
            task_ids=None,  # type Optional[Sequence[str]]
            project_name=None,  # Optional[str]
            task_name=None,  # Optional[str]
            allow_archived=True, # [bool]
            task_filter=None,  # Optional[Dict]#
            # tasks with tag `included_tag` and without tag `excluded_tag`
            tags=['included_tag', '-excluded_tag']
        )
        found["tags"] = names(task_list)
        found["not archived"] = names(Task.get_tasks(
            allow_archived=False, tags=['included_tag', '-excluded_tag']
        ))
        for number, (name, task_type, status) in enumerate([
            ('reg_exp_text', 'training', 'completed'), ('reg_exp_text', 'training', 'failed'),
            ('a reg_exp_text b', 'training', 'published'), ('reg_exp_text', 'testing', 'completed'),
            ('other', 'training', 'completed'), ('reg_exp_text', 'training', 'completed'),
            ('in its comment', 'training', 'completed'),
        ]):
            task = make(name, task_type=task_type)
            if name == 'in its comment':
                task.set_comment('has reg_exp_text in it')
            task.mark_started()
            (task.mark_failed if status == 'failed' else task.mark_completed)()
            if status == 'published':
                task.publish()
            if number == 5:
                task.set_archived(True)
        found["filter"] = names(Task.get_tasks(task_filter={
            # filter out archived tasks
            'system_tags': ['-archived'],
            # only completed & published tasks
            'status': ['completed', 'published'],
            # only training type tasks
            'type': ['training'],
            # match text in task comment or task name
            'search_text': 'reg_exp_text'
        }))
        print(json.dumps(found))
    """)
    assert ran.said == {
        "tags": ["four", "one"],
        "not archived": ["one"],
        "filter": ["a reg_exp_text b", "in its comment", "reg_exp_text"],
    }


def test_the_pages_queries_of_tags_find_what_it_says(scripts: Scripts) -> None:
    """Over tasks with each set of the tags; the query's meaning in Python stands beside it."""
    (scripts.folder / "tagged.py").write_text(_TAGGED)
    ran = scripts.run("""
        from itertools import combinations
        from tagged import make, names
        sets = [set(s) for n in range(5) for s in combinations("abcd", n)]
        for tags in sets:
            make("set " + "".join(sorted(tags)), *tags)
        queries = [
            (["a", "b", "c"], lambda t: bool(t & {"a", "b", "c"})),
            (["__$and", "a", "b", "c"], lambda t: {"a", "b", "c"} <= t),
            (["__$not", "a", "b", "__$not", "c"],
             lambda t: "a" not in t and "b" in t and "c" not in t),
            (["-a", "b", "-c"], lambda t: "a" not in t and "b" in t and "c" not in t),
            (["a", "b", "__$and", "c", "d"], lambda t: bool(t & {"a", "b"}) or {"c", "d"} <= t),
            (["__$and", "__$or", "a", "b", "__$and", "c", "d"],
             lambda t: bool(t & {"a", "b"}) and {"c", "d"} <= t),
        ]
        for tags, meaning in queries:
            task_list = Task.get_tasks(tags=tags)
            found = names(task_list)
            wanted = sorted("set " + "".join(sorted(t)) for t in sets if meaning(t))
            assert found == wanted, (tags, found, wanted)
            print(len(found))
    """)
    assert ran.status == 0, ran.errors
    assert ran.lines == ["14", "2", "2", "2", "13", "3"]
