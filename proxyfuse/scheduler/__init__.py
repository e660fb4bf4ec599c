"""Admit, plan, preempt, retire: what runs in a step, in plain integers."""

from proxyfuse.scheduler.scheduler import Scheduler

__all__ = ["Scheduler"]
