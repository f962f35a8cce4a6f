"""The handler of the benchmark: it does nothing, and writes down when it started, for W4."""

from programs import mark

from tasker_sql.worker.handlers import Step, handler


@handler("nothing")
def nothing(_step: Step) -> dict[str, int]:
    mark("start")
    return {"step": 1}
