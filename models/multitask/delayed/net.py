"""Conversions that come late: `rec.nn.delay` has the methods, docs/delayed-feedback.md says what they are for."""

from rec.nn.delay.network import DelayedConversion


class Delayed(DelayedConversion):
    """p(conversion | click) by the method of `hyper_parameters.method`."""
