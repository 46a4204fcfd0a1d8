"""The deployments of `tenview serve`: a form for each flow, and the schedule of `--cron`; others are the user's."""

import hashlib
import importlib
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from scans.errors import UserError
from stages.runtime.progress import say

if TYPE_CHECKING:
    from prefect.runner import Runner

TAG = "tenview"
CRON = "tenview-serve-cron"  # slug of the schedule that --cron makes; the UI's have none, or others


class Deployments:
    """The deployments of this folder on the server that Prefect's settings name.

    Args:
        name: what follows the flow's name in a deployment's; by default the folder's name.
        shared: whether other folders may have theirs on the server. Then the default holds a digest of machine and
            path, each deployment has these for a tag, and those of another folder are refused.
    """

    def __init__(self, runner: "Runner", name: str, *, shared: bool) -> None:
        self._runner = runner
        owner = f"{platform.node()}:{Path.cwd()}"
        digest = f"-{hashlib.sha256(owner.encode()).hexdigest()[:6]}" if shared else ""
        self._name = name or f"{Path.cwd().name}{digest}"
        self._tags = [TAG, owner] if shared else [TAG]
        self._forms: dict[str, Any] = {}
        self.ids: dict[str, UUID] = {}  # by flow

    async def deploy(self) -> None:
        """Put the flows on the server, with forms that hold the present values of params.yaml, where they are others.

        Raises:
            UserError: a deployment of that name is another folder's.
        """
        from prefect.deployments.runner import EntrypointType

        module = importlib.import_module("flows.pipeline")
        if self.ids:
            module = importlib.reload(module)
        for flow in module.FLOWS:
            form = flow.parameters.model_dump()
            if self._forms.get(flow.name) == form:
                continue
            deployment = await flow.ato_deployment(
                f"{flow.name}-{self._name}", tags=self._tags, entrypoint_type=EntrypointType.MODULE_PATH
            )
            if flow.name not in self.ids:
                await self._refuse_another_folders(deployment.full_name)
            # Left out of an update, so that what was set in the UI stays.
            deployment.model_fields_set.difference_update({"schedules", "paused"})
            self.ids[flow.name] = await self._runner.aadd_deployment(deployment)
            self._forms[flow.name] = form

    async def _refuse_another_folders(self, full_name: str) -> None:
        from prefect.client.orchestration import get_client
        from prefect.exceptions import ObjectNotFound

        async with get_client() as client:
            try:
                found = await client.read_deployment_by_name(full_name)
            except ObjectNotFound:
                return
        if missing := set(self._tags) - set(found.tags):
            raise UserError(
                f"{full_name} on this server is another folder's ({', '.join(found.tags) or 'no tags'}, not "
                f"{', '.join(missing)}). Take another --name, or delete that deployment in the UI."
            )

    async def schedule(self, cron: str) -> None:
        """Have the pipeline run by this schedule and no longer by that of an earlier --cron; empty for neither."""
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.actions import DeploymentScheduleCreate
        from prefect.client.schemas.schedules import CronSchedule

        pipeline = self.ids["pipeline"]
        async with get_client() as client:
            for old in await client.read_deployment_schedules(pipeline):
                if old.slug == CRON:
                    await client.delete_deployment_schedule(pipeline, old.id)
            if cron:
                new = DeploymentScheduleCreate(schedule=CronSchedule(cron=cron), active=True, slug=CRON)
                await client.create_deployment_schedules(pipeline, [new])

    async def without_scheduled_runs(self) -> list[str]:
        """Deployments with an active schedule for which the server has made no run."""
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.filters import (
            DeploymentFilter,
            DeploymentFilterId,
            FlowRunFilter,
            FlowRunFilterState,
            FlowRunFilterStateType,
        )
        from prefect.client.schemas.objects import StateType

        found = []
        async with get_client() as client:
            for flow, deployment in self.ids.items():
                schedules = await client.read_deployment_schedules(deployment)
                if any(schedule.active for schedule in schedules) and not await client.read_flow_runs(
                    deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
                    flow_run_filter=FlowRunFilter(
                        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
                    ),
                    limit=1,
                ):
                    found.append(f"{flow}-{self._name}")
        return found


async def mark_crashed(deployments: Iterable[UUID]) -> None:
    """Report the runs as crashed that were in progress when an earlier `tenview serve` was killed."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilter,
        FlowRunFilterId,
        FlowRunFilterState,
        FlowRunFilterStateType,
        TaskRunFilter,
        TaskRunFilterState,
        TaskRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed, State

    unfinished = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
    crashed: State[None] = Crashed(
        message="tenview serve, or the server, ended while this ran. Run it again: it goes on from there."
    )
    async with get_client() as client:
        runs = await client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=list(deployments))),
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=unfinished))),
        )
        for run in runs:
            tasks = await client.read_task_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])),
                task_run_filter=TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=unfinished))),
            )
            for task in tasks:
                await client.set_task_run_state(task.id, crashed, force=True)
            await client.set_flow_run_state(run.id, crashed, force=True)
            say(f"crashed, as an earlier tenview serve was killed: {run.name}")
