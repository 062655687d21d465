import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # the tests share notebooks.py and jupyterlab.py

import notebooks

# At import, so that the kernels that nbval starts inherit it: a learner's own answers never change a test.
# Each process of a parallel run has its own folder.
_folder = Path(tempfile.mkdtemp(prefix="thinking-machines-tests-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ.update(notebooks.own_environment(_folder))


def pytest_terminal_summary(terminalreporter):
    mutation_score(terminalreporter)
    if os.environ.get("CI") == "true":
        what_was_skipped(terminalreporter)


def mutation_score(terminal):
    """The score of test_mutations.py, also where the tests ran in other processes."""
    rows = [(report.passed, dict(report.user_properties)) for outcome in ("passed", "failed")
            for report in terminal.stats.get(outcome, []) if "mutation" in dict(getattr(report, "user_properties", ()))]
    mutations = [(good, said) for good, said in rows if not said["mutation"].startswith("(control")]
    if rows:
        terminal.section(f"mutations noticed by the notebooks: {sum(good for good, _ in mutations)} of {len(mutations)}")
        for good, said in sorted(rows, key=lambda row: row[0]):
            terminal.write_line(f"{'ok  ' if good else 'FAIL'} {said['mutation']:<50} {said['seen']}"[:200])


def what_was_skipped(terminal):
    """A skipped test looks like a passed one in a long log, so each reason gets a line of its own."""
    reasons = [report.longrepr[2] for report in terminal.stats.get("skipped", []) if isinstance(report.longrepr, tuple)]
    if reasons:
        terminal.section(f"{len(reasons)} TESTS WERE SKIPPED", red=True)
        for reason in sorted(set(reasons)):
            terminal.write_line(f"{reasons.count(reason)} × {reason}")
