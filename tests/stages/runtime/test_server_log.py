from pathlib import Path

from stages.runtime.server_log import server_errors

# As Prefect 3.8.8 writes them.
LOG = """\
14:37:34.952 | ERROR   | docket.dependencies - ↩ [    78ms] schedule_recent_deployments(){schedule_recent_deployments}
Traceback (most recent call last):
  File "x.py", line 1, in schedule_recent_deployments
sqlalchemy.exc.InvalidRequestError: Can't evaluate bulk DML statement
14:37:39.952 | ERROR   | docket.dependencies - ↩ [    80ms] schedule_recent_deployments(){schedule_recent_deployments}
Traceback (most recent call last):
sqlalchemy.exc.InvalidRequestError: Can't evaluate bulk DML statement
14:38:00.000 | WARNING | prefect.server - slow
Traceback (most recent call last):
KeyError: 'no error of the server'
14:38:01.000 | ERROR   | docket.dependencies - ↩ [    80ms] mark_late_runs(){mark_late_runs}
Traceback (most recent call last):
sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database is locked
(Background on this error at: https://sqlalche.me/e/20/e3q8)
14:38:02.000 | ERROR   | prefect.server.events - EventPersister service failed!
"""


def test_services_that_fail_are_counted_and_what_passes_is_not(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    assert not server_errors(log)
    log.write_text(LOG)
    assert server_errors(log) == {
        "schedule_recent_deployments: sqlalchemy.exc.InvalidRequestError: Can't evaluate bulk DML statement": 2,
        "prefect.server.events - EventPersister service failed!": 1,
    }
