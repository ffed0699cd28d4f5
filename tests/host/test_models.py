"""The Spin models hold, and each of their seeded errors is found."""

import subprocess
from pathlib import Path

import pytest

MODELS = Path(__file__).resolve().parents[1] / "models"


@pytest.mark.parametrize("model", sorted(model.stem for model in MODELS.glob("*.pml")))
def test_model(model, tmp_path):
    result = subprocess.run([MODELS / "run", "--build", tmp_path, model], text=True, check=False,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout


def test_a_model_that_fails_is_reported(tmp_path):
    """The runner sees an error when there is one: an assertion that doesn't hold."""
    model = tmp_path / "wrong.pml"
    model.write_text("active proctype p() { assert(false) }\n#ifdef SEEDED_ERROR_1\n#endif\n",
                     encoding="utf-8")
    result = subprocess.run([MODELS / "run", "--build", tmp_path, model.with_suffix("")], text=True,
                            check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 1
    assert "assertion violated" in result.stdout
