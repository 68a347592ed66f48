"""The smallest training configuration: one folder of people, one of rooms."""

from __future__ import annotations

CONFIG: dict[str, object] = {
    "model": "compact",
    "people": [{"folder": "people", "share": 1.0}],
    "whole": [{"folder": "people", "share": 0.3}],
    "backgrounds": ["rooms"],
    "validation": ["people"],
    "shapes": [{"width": 64, "height": 64, "share": 1.0}],
    "batch": 4,
    "steps": 3,
    "evaluate_every": 2,
    "workers": 1,
}
