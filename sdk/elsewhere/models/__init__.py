"""Models: weights that tasks make and begin from, and their records.

OutputModel --journal, delivery--> the store, its weights in storage
Model, InputModel <-- the store; local copies of weights in the cache
loaded: records weights that a framework loads as an input model of the task
"""

from __future__ import annotations

from elsewhere.models.input_model import InputModel
from elsewhere.models.lineage import loaded
from elsewhere.models.lists import TaskModels, models_of
from elsewhere.models.model import Model
from elsewhere.models.output_model import OutputModel

__all__ = ["InputModel", "Model", "OutputModel", "TaskModels", "loaded", "models_of"]
