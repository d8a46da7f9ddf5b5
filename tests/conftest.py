"""Hypothesis profiles: the default is quick; `ENDCALL_HYPOTHESIS=long` looks a hundred times harder."""

import os

from hypothesis import HealthCheck, settings

_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile("default", max_examples=400, deadline=None, derandomize=True, suppress_health_check=_SLOW)
settings.register_profile("long", max_examples=20_000, deadline=None, suppress_health_check=_SLOW, print_blob=True)
settings.load_profile(os.environ.get("ENDCALL_HYPOTHESIS", "default"))
