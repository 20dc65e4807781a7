"""Old run folders are removed, but never the only copy of what was not uploaded yet."""

from __future__ import annotations

import os
from pathlib import Path

from elsewhere.core.errors import StorageError
from elsewhere.core.events import ArtifactAdded
from elsewhere.core.folders import Home, RunFolder
from elsewhere.core.records import Artifact
from elsewhere.core.uploads import Placed, Upload
from elsewhere.delivery.waiting import wait
from elsewhere_worker.old_runs import OldRuns
from elsewhere_worker.owner import Owner
from elsewhere_worker.settings import WorkerSettings
from tests.stores import begin, opened


def test_a_folder_with_an_upload_that_waits_outlives_its_age(
    elsewhere_home: Path, redis_url: str
) -> None:
    home, is_reached = Home(elsewhere_home), False

    def upload(_folder: RunFolder, _upload: Upload) -> Placed:
        if not is_reached:
            raise StorageError("There is no driver.")
        return Placed(url="s3://bucket/data", uploaded_at=1.0)

    with opened(redis_url) as store:
        task_id = begin(store)
        # By an agent that had another name.
        folder = Owner(worker="earlier", store=store.identity()).take(home.run(task_id, 1))
        other = Owner(worker="earlier", store=store.identity()).take(home.run("f" * 32, 1))
        event = ArtifactAdded(artifact=Artifact(name="data", type="file"), file="files/data")
        (folder.files / "data").write_bytes(b"data")
        store.edit(task_id, event.placed(Placed(problem="There is no driver.")))
        given = event.upload()
        assert given is not None
        wait(folder, event, given, "There is no driver.")
        for one in (folder, other):
            one.acked.touch()
            os.utime(one.acked, (0, 0))
        settings = WorkerSettings(name="box", queues=("low",), home=home, url=redis_url)
        owner = Owner(worker="box", store=store.identity())
        old = OldRuns(store, settings, owner, upload)
        old.try_uploads_again()
        old.forget()
        assert (folder.path.exists(), other.path.exists()) == (True, False)
        assert old.waiting == (
            f"{task_id}.1 The artifact 'data' waits to be uploaded. There is no driver.",
        )
        is_reached = True
        old = OldRuns(store, settings, owner, upload)  # with another configuration
        old.try_uploads_again()
        old.forget()
        assert not old.waiting
        assert not folder.path.exists()
        assert store.artifacts(task_id)["data"].url == "s3://bucket/data"
