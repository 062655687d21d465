"""Makes pytest start a second sooner: python -m pytest -p tools.quick_start

nbformat imports jsonschema, which imports this optional part, which takes longer than the rest and checks
addresses in a way that no notebook needs.
"""

import sys

sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
