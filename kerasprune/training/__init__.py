"""Fine-tuning, alone or with a teacher."""

from kerasprune.training.distill import Distill
from kerasprune.training.finetune import Finetuned, finetune
from kerasprune.training.lesson import Lesson, lesson
from kerasprune.training.pupil import Pupil

__all__ = ["Distill", "Finetuned", "Lesson", "Pupil", "finetune", "lesson"]
