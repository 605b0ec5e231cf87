"""transformers as a whole: whoever needs it while others may be importing it, or diffusers, imports this first.

While it is imported, transformers puts another module in its own place (``transformers/__init__.py``,
``_LazyModule``). A thread that asks at that moment is given the first one, which is empty. This module holds the
second thread back until the first is done, because Python imports each module once.
"""

import transformers

__all__ = ["transformers"]
