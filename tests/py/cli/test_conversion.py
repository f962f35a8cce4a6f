"""Templates of tasker-core become ours: what was changed is named, what would differ is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from tasker_sql.cli import app
from tasker_sql.templates import conversion
from tasker_sql.templates import files as templates

CHECKOUT = """\
# The shape of a template of tasker-core.
name: checkout
namespace_name: shop
version: 1.0.0
metadata: {author: somebody, documentation_url: }
system_dependencies: {primary: default, secondary: []}
domain_events: []
input_schema:
  type: object
  required: [email]
  properties: {email: {type: string, format: email}}
steps:
  - name: validate
    handler: {callable: Shop::Validate, initialization: {mode: strict, at: '22:30', n: '1e3'}}
    system_dependency:
    dependencies: []
    retry: {retryable: true, limit: 3, backoff: exponential, backoff_base_ms: 1000}
    timeout_seconds: 30
    publishes_events: []
  - name: pay
    type: standard
    handler: {callable: Shop::PayHandler, method: charge, resolver: default, initialization: }
    depends_on: [validate]
    retry: {max_attempts: 0}
environments:
  test:
    steps:
      - {name: validate, timeout_seconds: , retry: , publishes_events: [x]}
  production:
    steps:
      - {name: pay, retry: {limit: 7}}
loaded_from: "/srv/config/tasks/shop/checkout/1.0.0.yaml"
"""


def test_a_template_is_converted_and_told_what_was_changed(tmp_path: Path) -> None:
    done = conversion.convert(CHECKOUT.encode())
    assert done.faults == []
    assert [line for line, _ in done.changes] == [6, 7, 17, 19, 21, 22, 22, 23, 24, 28, 31, 32]
    assert dict(done.changes)[17] == "limit of the retry of step validate is max_attempts now"
    assert dict(done.changes)[23] == "depends_on of step pay is dependencies now"
    (file := tmp_path / "checkout.yaml").write_text(done.text)
    made = templates.load(file, "production").definition
    assert made["metadata"] == {"author": "somebody", "documentation_url": None}
    assert made["input_schema"]["properties"] == {"email": {"type": "string", "format": "email"}}
    first, second = made["steps"]
    assert first["retry"]["max_attempts"] == 3
    assert first["handler"]["initialization"] == {"mode": "strict", "at": "22:30", "n": "1e3"}
    assert second == {
        "name": "pay",
        "handler": {"callable": "Shop::PayHandler.charge"},
        "dependencies": ["validate"],
        "retry": {"max_attempts": 7},
    }
    tested = templates.load(file, "test").definition
    assert tested["steps"][0]["timeout_seconds"] == 30, "an empty key overrides nothing"
    assert tested["steps"][1]["retry"] == {"max_attempts": 1}


TASKER = """\
name: process_order
namespace_name: ecommerce
version: 1.0.0
task_handler_class: Ecommerce::OrderHandler
default_dependent_system: shop
schema: {type: object, required: [cart_id]}
named_steps: [validate_cart, charge, ship]
step_templates:
  - name: validate_cart
    handler_class: Ecommerce::ValidateCart
    handler_config: {api: https://test}
    default_retryable: true
    default_retry_limit: 3
  - name: charge
    dependent_system: bank
    depends_on_step: validate_cart
    handler_class: Ecommerce::Charge
    default_retryable: false
  - name: ship
    depends_on_steps: [validate_cart, charge]
    handler_class: Ecommerce::Ship
environments:
  production:
    step_templates:
      - {name: validate_cart, handler_config: {api: https://shop}, default_retry_limit: 5}
"""


def test_a_template_of_tasker_is_converted(tmp_path: Path) -> None:
    done = conversion.convert(TASKER.encode())
    assert done.faults == []
    assert (
        dict(done.changes)[10]
        == "handler_class of step validate_cart is handler: {callable: ...} now"
    )
    (file := tmp_path / "order.yaml").write_text(done.text)
    made = templates.load(file, "production").definition
    assert made["input_schema"] == {"type": "object", "required": ["cart_id"]}
    assert made["steps"] == [
        {
            "name": "validate_cart",
            "handler": {
                "callable": "Ecommerce::ValidateCart",
                "initialization": {"api": "https://shop"},
            },
            "retry": {"retryable": True, "max_attempts": 5},
        },
        {
            "name": "charge",
            "handler": {"callable": "Ecommerce::Charge"},
            "dependencies": ["validate_cart"],
            "retry": {"retryable": False},
        },
        {
            "name": "ship",
            "handler": {"callable": "Ecommerce::Ship"},
            "dependencies": ["validate_cart", "charge"],
        },
    ]


def test_what_is_said_twice_is_refused() -> None:
    both = TASKER.replace("default_retryable: false", "handler: {callable: x}")
    done = conversion.convert(both.encode())
    assert (17, "step charge has both handler_class and handler") in done.faults
    both = TASKER.replace("dependent_system: bank", "depends_on_steps: [validate_cart]")
    assert any(
        "charge has both depends_on" in fault
        for _, fault in conversion.convert(both.encode()).faults
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("type: standard", "type: batchable", "21: step pay is of type batchable, which does not"),
        ("type: standard", "type: decision", "21: step pay is of type decision"),
        ("type: standard", "batch_config: {size: 5}", "21: batch_config of step pay cannot be"),
        ("limit: 3", "initial_delay: 3", "17: initial_delay of the retry of step validate cannot"),
        ("limit: 3", "limit: 3, max_attempts: 4", "17: the retry of step validate has both"),
        ("limit: 3", "limit: many", "17: max_attempts of the retry of step validate is 'many'"),
        ("timeout_seconds: 30", "tiemout: 30", "18: unknown key 'tiemout' in step validate"),
        ("mode: strict", "mode: off", "14: mode is off, false in YAML 1.1"),
        ("version: 1.0.0", "version: 1", '4: version is 1; need three numbers: write version: "1'),
        ("name: checkout", "name: [", "did not find"),
    ],
)
def test_what_would_differ_is_refused(old: str, new: str, message: str) -> None:
    done = conversion.convert(CHECKOUT.replace(old, new, 1).encode())
    assert done.text == ""
    assert any(message in f"{line}: {fault}" for line, fault in done.faults), done.faults


@pytest.mark.parametrize(
    "value",
    [
        *("no", "On", "0755", "08", "0o17", "22:30", "1_000", "1e3", "1.5e3", "2026-01-01", "null"),
        *("true", "1.0", "~", "", "=", "<<", "y", "a: b", "- x", "#", "ü", "x" * 300, "a\nb"),
        *(True, None, 7, 1.5, 1e300, 1e-5, Decimal("0.1234567890123456789012345")),
        *(Decimal("1E+400"), 10**40, [], {}, [[1]], {"no": "no"}),
    ],
)
def test_every_value_is_written_such_that_it_is_read_again(tmp_path: Path, value: Any) -> None:
    text = CHECKOUT.replace("mode: strict", "mode: strict, v: VALUE")
    quoted = yaml.dump(value, Dumper=conversion._Dumper, default_flow_style=True, width=10**6)
    done = conversion.convert(text.replace("VALUE", quoted.removesuffix("...\n").strip()).encode())
    assert done.faults == []
    (file := tmp_path / "checkout.yaml").write_text(done.text)
    first = templates.load(file).definition["steps"][0]
    assert first["handler"]["initialization"]["v"] == value


def test_the_command_converts_what_it_can(tmp_path: Path) -> None:
    source, out = tmp_path / "tasks", tmp_path / "workflows"
    for name, text in (
        ("shop/1.0.0.yaml", CHECKOUT),
        ("crm/1.0.0.yaml", CHECKOUT.replace("checkout", "signup")),
        ("bad.yaml", CHECKOUT.replace("type: standard", "type: batch")),
    ):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    done = CliRunner().invoke(app, ["template", "convert", str(source), "--out", str(out)])
    assert done.exit_code == 1
    assert f"{source}/bad.yaml:21: step pay is of type batch" in done.stderr
    assert f"{source}/bad.yaml: refused" in done.stderr
    assert f"{source}/crm/1.0.0.yaml:6: system_dependencies of the template is" in done.stderr
    assert sorted(str(file.relative_to(out)) for file in templates.find([out])) == [
        "crm/1.0.0.yaml",
        "shop/1.0.0.yaml",
    ]
    assert [one.definition["name"] for one in templates.load_all([out])] == ["signup", "checkout"]
    done = CliRunner().invoke(app, ["template", "convert", str(source / "shop/1.0.0.yaml")])
    assert done.exit_code == 0
    assert next(yaml.safe_load_all(done.stdout))["name"] == "checkout"
