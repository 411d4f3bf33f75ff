"""Workers of a real Ray: kept, shared by threads, killed, of another edgeprune."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgeprune.errors import ExecutionError, WorkersLostError, WorkloadError
from edgeprune.evaluation import Turns
from edgeprune.execution import Cluster, Crew
from edgeprune.execution.patience import Patience
from tests.execution.held import DiesFirst, Held

ROOT = Path(__file__).parents[2]


def _state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]


def _killed(crew: Crew) -> None:
    os.kill(random.choice(crew.members).process, signal.SIGKILL)


def test_workers_hold_what_they_were_given_once(cluster: Cluster, tmp_path: Path) -> None:
    with Crew(cluster, Held(tmp_path), 2) as crew:
        answers = [crew.work("double", number) for number in range(8)]
        assert [doubled for doubled, _ in answers] == list(range(0, 16, 2))
        assert {process for _, process in answers} <= {one.process for one in crew.members}
        assert os.getpid() not in {process for _, process in answers}
        assert {crew.work("once") for _ in range(4)} == {1}
        assert all(member.beside for member in crew.members)


def test_threads_are_served_at_once(cluster: Cluster, tmp_path: Path) -> None:
    with Crew(cluster, Held(tmp_path), 3) as crew, ThreadPoolExecutor(3) as threads:
        met = threads.map(lambda _: crew.work("meets", 3), range(3))
        assert list(met) == [3, 3, 3]


def test_what_a_killed_worker_was_at_is_done_by_another(cluster: Cluster, tmp_path: Path) -> None:
    told: list[str] = []
    with Crew(cluster, Held(tmp_path), 2, note=told.append) as crew:
        with ThreadPoolExecutor(4) as threads:
            answers = threads.map(lambda number: crew.work("double", number, 0.1), range(20))
            for _ in range(3):
                time.sleep(0.2)
                if crew.members:
                    _killed(crew)
            assert [doubled for doubled, _ in answers] == list(range(0, 40, 2))
        _until(lambda: len(crew.members) == 2)
    assert any("a worker was lost" in line for line in told)


def test_a_worker_that_hangs_is_ended_and_its_work_done_by_another(
    cluster: Cluster, tmp_path: Path
) -> None:
    told: list[str] = []
    with Crew(cluster, Held(tmp_path), 2, hung_after_s=1.0, note=told.append) as crew:
        assert crew.work("double", 1)[0] == 2
        frozen = crew.members[0].process
        os.kill(frozen, signal.SIGSTOP)
        with ThreadPoolExecutor(2) as threads:
            answers = list(threads.map(lambda number: crew.work("double", number), range(4)))
        assert [doubled for doubled, _ in answers] == [0, 2, 4, 6]
        assert frozen not in {process for _, process in answers}
        _until(lambda: len(crew.members) == 2)  # Ray has its place back
        assert not Path(f"/proc/{frozen}").exists() or _state(frozen) == "Z"
    assert any("no answer for" in line and "over 1: it is ended" in line for line in told)


def test_work_that_takes_long_gets_twice_as_long_each_time(
    cluster: Cluster, tmp_path: Path
) -> None:
    with Crew(cluster, Held(tmp_path), 1, hung_after_s=1.0) as crew:
        assert crew.work("double", 3, 3.0)[0] == 6  # over 1 and 2 s, within 4


def test_how_long_an_answer_may_take_follows_from_those_before() -> None:
    patience = Patience()
    assert patience.limit(100, 0) == 1800 and patience.limit(1_000_000, 0) == 50_000
    patience.learn(100, 50.0)
    patience.learn(1000, 100.0)
    assert patience.limit(1000, 0) == 10 * 50 / 100 * 1000
    assert patience.limit(1, 0) == 60 and patience.limit(1, 2) == 240
    assert Patience(5.0).limit(10**9, 1) == 10


def test_what_ends_every_worker_is_set_aside_and_a_crew_goes_on(
    cluster: Cluster, tmp_path: Path
) -> None:
    with Crew(cluster, Held(tmp_path), 1) as crew:
        with pytest.raises(WorkersLostError, match="6 workers were lost over one candidate"):
            crew.work("dies", 20)
        assert crew.work("double", 4)[0] == 8


def test_errors_of_the_work_are_what_they_are(cluster: Cluster, tmp_path: Path) -> None:
    with Crew(cluster, Held(tmp_path), 1) as crew:
        with pytest.raises(WorkloadError, match=r"^an image cannot be read$"):
            crew.work("refuses")
        assert crew.work("double", 1)[0] == 2


def test_closing_lets_waiting_threads_go(cluster: Cluster, tmp_path: Path) -> None:
    crew = Crew(cluster, Held(tmp_path), 1)
    heard: list[Exception] = []

    def wait() -> None:
        try:
            crew.work("double", 1, 60.0)
        except ExecutionError as error:
            heard.append(error)

    threads = [threading.Thread(target=wait) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    crew.close()
    for thread in threads:
        thread.join(60)
    assert len(heard) == 2 and "have been let go" in str(heard[0])


def test_a_worker_on_this_machine_waits_for_a_measurement(cluster: Cluster, tmp_path: Path) -> None:
    turns = Turns(local=True)
    with Crew(cluster, Held(tmp_path), 1, turn=turns.working) as crew:
        ended = threading.Event()
        thread = threading.Thread(target=lambda: (crew.work("double", 1), ended.set()))
        with turns.measuring():
            thread.start()
            assert not ended.wait(0.3)
        assert ended.wait(60)


def test_a_worker_that_is_lost_as_it_begins_is_begun_anew(cluster: Cluster, tmp_path: Path) -> None:
    told: list[str] = []
    with Crew(cluster, DiesFirst(tmp_path, 1), 2, note=told.append) as crew:
        assert crew.work("double", 4)[0] == 8 and len(crew.members) == 2
    assert len(told) == 1 and "cannot begin" in told[0] and "2 more tries" in told[0]


def test_workers_that_are_lost_whenever_they_begin_are_an_error(
    cluster: Cluster, tmp_path: Path
) -> None:
    with pytest.raises(ExecutionError, match="cannot begin"):
        Crew(cluster, DiesFirst(tmp_path, 99), 1)


def test_places_that_a_cluster_has_not(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(ExecutionError, match=r"accuracy_workers is 99, but .* has 4 processors"):
        Crew(cluster, Held(tmp_path), 99)
    with pytest.raises(ExecutionError, match=r"gpus_per_worker is 0\.5, but .* has no GPU"):
        Crew(cluster, Held(tmp_path), 1, gpus=0.5)
    several = Cluster(cluster.ray, "the Ray at head:6379", {"CPU": 8.0, "GPU": 1.0})
    with pytest.raises(ExecutionError, match=r"3 workers with 0\.5 GPUs each need 1\.5.* up to 2"):
        several.check(3, gpus=0.5)
    with pytest.raises(ExecutionError, match=r"is 3 with 4 processors each .* 8 proc.* up to 2$"):
        several.check(3, cpus=4)


@pytest.mark.parametrize("cpus", [1, 2])
def test_a_worker_computes_with_the_processors_it_gets(
    cluster: Cluster, tmp_path: Path, cpus: int
) -> None:
    with Crew(cluster, Held(tmp_path), 1, cpus=cpus) as crew:
        assert crew.work("threads") == cpus


def test_what_cannot_be_sent_is_told(cluster: Cluster) -> None:
    with pytest.raises(ExecutionError, match=r"cannot be sent to workers .*lock"):
        Crew(cluster, threading.Lock(), 1)


#: A driver of its own, whose workers find another edgeprune.
_OTHER = """
import sys, ray
ray.init(address=sys.argv[1], runtime_env={"env_vars": {"PYTHONPATH": sys.argv[2]}},
         log_to_driver=False, configure_logging=False)
from edgeprune.errors import ExecutionError
from edgeprune.execution import Crew, open_cluster
try:
    with open_cluster("auto", 1) as cluster, Crew(cluster, {}, 1):
        print("taken")
except ExecutionError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("source", "told"),
    [("__version__ = '0.0.1'", "have edgeprune 0.0.1"), ("raise ImportError", "have no edgeprune")],
)
def test_workers_of_another_version(address: str, tmp_path: Path, source: str, told: str) -> None:
    other = tmp_path / "site" / "edgeprune"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text(source)
    script = tmp_path / "script" / "driver.py"
    script.parent.mkdir()
    script.write_text(_OTHER)
    found = subprocess.run(
        [sys.executable, script, address, other.parent],
        cwd=script.parent,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert told in found.stdout and "install the same version" in found.stdout, found.stderr[-500:]


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
