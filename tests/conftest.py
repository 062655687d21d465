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
    """The score of test_mutations.py, also where the tests ran in other processes."""
    rows = [(report.passed, dict(report.user_properties)) for outcome in ("passed", "failed")
            for report in terminalreporter.stats.get(outcome, []) if "mutation" in dict(getattr(report, "user_properties", ()))]
    mutations = [(good, said) for good, said in rows if not said["mutation"].startswith("(control")]
    if rows:
        terminalreporter.section(f"mutations noticed by the notebooks: {sum(good for good, _ in mutations)} of {len(mutations)}")
        for good, said in sorted(rows, key=lambda row: row[0]):
            terminalreporter.write_line(f"{'ok  ' if good else 'FAIL'} {said['mutation']:<50} {said['seen']}"[:200])
