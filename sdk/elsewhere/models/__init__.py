"""Models: weights that tasks make and begin from, and their records.

OutputModel --journal, delivery--> the store, its weights in storage
Model, InputModel <-- the store; local copies of weights in the cache
FrameworkModels: the models that frameworks save and load, which WeightsFileHandler sees before
"""

from __future__ import annotations

from elsewhere.models.input_model import InputModel
from elsewhere.models.lineage import loaded
from elsewhere.models.lists import TaskModels, models_of
from elsewhere.models.model import Model
from elsewhere.models.output_model import OutputModel
from elsewhere.models.weights_file_handler import WeightsFileHandler

__all__ = [
    "InputModel",
    "Model",
    "OutputModel",
    "TaskModels",
    "WeightsFileHandler",
    "loaded",
    "models_of",
]
