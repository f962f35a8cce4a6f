"""Templates from YAML: the merge of environments, and errors that name file and line."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import corpus
import psycopg
import pytest
from running import client_of

from tasker_sql.client import Client
from tasker_sql.errors import TaskerError
from tasker_sql.templates import definition, yamltext
from tasker_sql.templates import files as templates

Write = Callable[[str], Path]

ROOT = Path(__file__).parents[3]

BASE = """\
name: flow
namespace_name: test
version: 1.0.0
steps:
  - name: a
    handler: {callable: a, initialization: {url: x, sizes: [1, 2]}}
    retry: {max_attempts: 3, backoff: linear}
  - name: b
    handler: {callable: b}
    dependencies: [a]
environments:
  test:
    description: quick
    steps:
      - name: a
        handler: {initialization: {sizes: [9]}}
        retry: {max_attempts: 1}
  production:
    steps:
      - name: b
        handler: {callable: null, sql: shop.b}
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        file = tmp_path / "flow.yaml"
        file.write_text(text)
        return file

    return write


def test_without_an_override_is_as_written(write: Write) -> None:
    definition = templates.load(write(BASE), "development").definition
    assert "environments" not in definition
    assert definition["steps"][0]["retry"] == {"max_attempts": 3, "backoff": "linear"}


def test_merges_objects_and_replaces_lists(write: Write) -> None:
    definition = templates.load(write(BASE), "test").definition
    assert definition["description"] == "quick"
    first, second = definition["steps"]
    assert first["handler"] == {"callable": "a", "initialization": {"url": "x", "sizes": [9]}}
    assert first["retry"] == {"max_attempts": 1, "backoff": "linear"}
    assert second == {"name": "b", "handler": {"callable": "b"}, "dependencies": ["a"]}


def test_a_null_takes_a_key_away(write: Write) -> None:
    definition = templates.load(write(BASE), "production").definition
    assert definition["steps"][1]["handler"] == {"sql": "shop.b"}


def test_the_environment_comes_from_tasker_env(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKER_ENV", "test")
    assert templates.load(write(BASE)).definition["description"] == "quick"


def said(write: Write, text: str, environment: str = "development") -> list[str]:
    """What is said of a file with this text, a line for each fault, without the file's name."""
    file = write(text)
    with pytest.raises(templates.TemplateError) as refused:
        templates.load(file, environment)
    lines = str(refused.value).splitlines()
    assert all(line.startswith(f"{file}:") for line in lines)
    return [line.removeprefix(f"{file}:") for line in lines]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: 1\nsteps: [\n  b: 1\nc: 2",
            "4: did not find expected ',' or ']' while parsing a flow sequence of line 2",
        ),
        ("a:\n\tb: 1\n", "2: found character that cannot start any token"),
        ("name: a\nname: b\n", "2: the key 'name' is there twice"),
        ("- a\n", "1: a template is an object with name, namespace_name, version and steps"),
        ("", "1: a template is an object"),
        ("a: 1\n---\nb: 1\n", "2: a second document begins"),
        ("a: *b\n", "1: there is no anchor &b before this alias"),
        ("a: 1\nb: \x01\n", "2: control characters are not allowed"),
        ("a: &a [*a]\n", "1: this alias names what it stands in, so it would have no end"),
        ("a: &a\n  b:\n    <<: *a\n", "3: this alias names what it stands in"),
        ("a: " + "[" * 100_000, "1: "),
        ("a: " + "[" * 60 + "]" * 60, "1: nested too deeply"),
        ("".join(f"{' ' * n}a:\n" for n in range(300)), "51: nested too deeply"),
        ("a: " + "x" * (17 << 20), "1: it is larger than 16 MiB"),
        (f"{{{','.join(f'k{n}: 1' for n in range(100_001))}}}", "1: it has more than 100,000 val"),
        ('metadata: {a: "' + "9" * 9 + '", b: ' + "9" * 200_000 + "}", "1: b is 999"),
    ],
    ids=lambda value: value[:20],
)
def test_what_cannot_be_read_is_refused_with_its_line(
    write: Write, text: str, message: str
) -> None:
    assert any(fault.startswith(message) for fault in said(write, text))


def test_text_that_is_none_is_refused_with_its_line(tmp_path: Path) -> None:
    (file := tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(templates.TemplateError, match=r"latin\.yaml:2: this is not text in UTF-8"):
        templates.load(file)


BOMBS = {
    "sequences": (
        "  a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"  a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)),
        9,
    ),
    "mappings": (
        "  a0: &a0 {a: 1, b: 2, c: 3, d: 4}\n"
        + "".join(
            f"  a{n}: &a{n} {{{', '.join(f'k{k}: *a{n - 1}' for k in range(10))}}}\n"
            for n in range(1, 12)
        ),
        10,
    ),
    "merges": (
        "  a0: &a0 {a: 1, b: 2, c: 3, d: 4}\n"
        + "".join(
            f"  a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 12)
        ),
        10,
    ),
    "texts": (f"  a0: &a0 {'x' * 1_000_000}\n  a1: [{','.join(['*a0'] * 1000)}]\n", 6),
}


@pytest.mark.parametrize(("text", "line"), BOMBS.values(), ids=BOMBS)
def test_a_file_that_is_large_only_when_read_is_refused(write: Write, text: str, line: int) -> None:
    head = "name: bomb\nnamespace_name: shop\nversion: 1.0.0\nmetadata:\n"
    (fault,) = said(write, f"{head}{text}")
    assert fault.startswith(f"{line}: with all that its aliases name, it has more than ")


ONE = """\
name: one
namespace_name: shop
version: 1.0.0
metadata:
  value: VALUE
steps:
  - {name: a, handler: a}
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("true", True), ("FALSE", False), ("null", None), ("~", None), ("", None)),
        *(("0", 0), ("-17", -17), ("+5", 5), ("0x1F", 31), ("1.5", 1.5), (".5", 0.5), ("5.", 5.0)),
        *(("1.0e+3", 1000.0), ("-1.5e-2", -0.015), ("9" * 40, int("9" * 40))),
        ("12345678901234567890.5", Decimal("12345678901234567890.5")),
        ("0.1234567890123456789012345", Decimal("0.1234567890123456789012345")),
        ("1.5e+400", Decimal("1.5e400")),
        *(("'NO'", "NO"), ('"0755"', "0755"), ("!!str 22:30", "22:30"), ("!!int 7", 7)),
        *(("8080:80", "8080:80"), ("10.0.0.1", "10.0.0.1"), ("2026-1", "2026-1"), ("y", "y")),
        *(("nothing", "nothing"), ("1.0.0", "1.0.0"), ("1e3x", "1e3x"), ("-", None)),
    ][:-1],
)
def test_values_that_every_yaml_reads_alike_are_read(write: Write, text: str, value: Any) -> None:
    found = templates.load(write(ONE.replace("VALUE", text))).definition["metadata"]["value"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NO", "false in YAML 1.1 and a text in YAML 1.2: put it in quotes"),
        *((word, "false in YAML 1.1 and a text") for word in ("no", "No", "off", "Off", "OFF")),
        *((word, "true in YAML 1.1 and a text") for word in ("yes", "Yes", "YES", "on", "On")),
        (
            "01234",
            "an octal number in YAML 1.1 and a decimal one in YAML 1.2: put it in quotes, or",
        ),
        *(("0755", "write 755"), ("-012", "write -12"), ("00", "an octal number in YAML 1.1")),
        *(("08", "a text in YAML 1.1 and a number"), ("0o17", "a text in YAML 1.1 and an octal")),
        *(("0b11", "a number in YAML 1.1 only"), ("+0x1F", "a number in YAML 1.1 only")),
        *(("22:30", "a number to the base of 60"), ("12:34:56", "a number to the base of 60")),
        *(("190:20:30.15", "to the base of 60"), ("-1:30", "a number to the base of 60")),
        *(("1_000", "a number in YAML 1.1 only: put it in quotes, or write 1000"),),
        *(
            ("1_0.5", "or write 10.5"),
            ("1e3", "a number in YAML 1.2 only"),
            ("1.5E3", "write 1500"),
        ),
        *(("2026-02-30", "a date in YAML 1.1 only: put it in quotes"), ("2026-02-28", "a date")),
        *(("2001-12-14 21:59:43.10 -5", "a date"), ("2001-12-14t21:59:43Z", "a date")),
        *((".nan", "JSON knows neither NaN nor Infinity"), ("-.inf", "JSON knows neither")),
        *(("=", "a sign of its own in YAML 1.1"), ("!!binary aGk=", "the tag !!binary has no")),
        *(("!!python/name:os.system x", "the tag !!python"), ("!!int NO", "false in YAML 1.1")),
        *(
            ("!!timestamp 2026-01-01", "the tag !!timestamp"),
            ("!!set {a}", "the tag !!set"),
            ("!own [1]", "!own"),
        ),
        *(('"\\0"', "a character that PostgreSQL cannot store"), ("1.5e+200000", "too large or")),
    ],
)
def test_values_that_yaml_1_1_and_1_2_read_differently_are_refused(
    write: Write, text: str, message: str
) -> None:
    (fault,) = said(write, ONE.replace("VALUE", text))
    assert fault.startswith("5: value") and message in fault
    again = templates.load(write(ONE.replace("VALUE", f"'{text}'".replace("'\"", "'"))))
    assert isinstance(again.definition["metadata"]["value"], str)


def test_all_such_values_of_a_file_are_named_at_once(write: Write) -> None:
    values = ["NO", "off", "01234", "0755", "22:30", "12:34:56", "1_000", "1e3"]
    text = "".join(f"        k{n}: {value}\n" for n, value in enumerate(values))
    handler = f"handler:\n      callable: x\n      initialization:\n{text}"
    file = ONE.replace("VALUE", "1").replace(
        "  - {name: a, handler: a}", f"  - name: no\n    {handler}    timeout_seconds: 1:30"
    )
    faults = said(write, file)
    assert [int(fault.partition(":")[0]) for fault in faults] == [7, *range(11, 19), 19]
    assert faults[0] == "7: name is no, false in YAML 1.1 and a text in YAML 1.2: put it in quotes"


class TestMerging:
    def test_a_key_beside_it_overrides_and_the_first_wins(self, write: Write) -> None:
        text = """\
x-common: &common {retry: {max_attempts: 5}, timeout_seconds: 9}
x-other: &other {timeout_seconds: 7, description: other}
name: merged
namespace_name: shop
version: 1.0.0
steps:
  - &first
    name: a
    handler: {callable: x}
  - <<: *first
    name: b
  - <<: [*common, *other]
    name: c
    handler: x
  - {name: d, handler: x, <<: {<<: *other, description: inner}}
"""
        definition = templates.load(write(text)).definition
        assert "x-common" not in definition
        assert definition["steps"] == [
            {"name": "a", "handler": {"callable": "x"}},
            {"name": "b", "handler": {"callable": "x"}},
            {
                "name": "c",
                "handler": {"callable": "x"},
                "retry": {"max_attempts": 5},
                "timeout_seconds": 9,
                "description": "other",
            },
            {
                "name": "d",
                "handler": {"callable": "x"},
                "timeout_seconds": 7,
                "description": "inner",
            },
        ]

    def test_what_merges_nothing_is_refused(self, write: Write) -> None:
        head = ONE.replace("VALUE", "1")
        assert said(write, f"{head}<<: 5\n") == [
            "8: << takes a mapping, or a list of them, as in <<: *name"
        ]
        (fault,) = said(write, f"x-a: &a {{}}\n{head}<<: *a\n<<: *a\n")
        assert fault == "10: the key '<<' is there twice: write <<: [*one, *other]"
        (fault,) = said(write, f"{head}description: a\n'description': b\n")
        assert fault == "9: the key 'description' is there twice"


WRONG = """\
name: sign up
namespace: Crm-Team
version: 1.0
input_schema: {properties: {n: {typ: string}, m: {type: text}}, oneOf: []}
steps:
  - name: check_email
    handler: check_email
  - name: create_account
    handler: {function: x, args: {}}
    depends_on: [check_email]
    retries: 3
    timeout: 30s
  - name: third
    handler: {callable: a, sql: b}
    dependencies: [chek_email, check_email, check_email, nowhere]
    retry: {limit: 3, maxAttempts: 0, backof: linear, backoff: expo, jitter: 1}
    timeout_seconds: 30s
  - {name: a, handler: a, dependencies: b}
  - {name: b, handler: {}, dependencies: a}
  - {name: a, handler: "sql:shop.f", timeout_seconds: }
  - {handler: 5}
environments:
  test:
    steps:
      - {name: thrid, retry: {max_attempts: 0}}
  production: {steps: [{name: third, timeout_seconds: 0}], colour: red}
  staging: 7
"""
FOUND = """\
1: name is 'sign up'; need a letter, then up to 99 letters, digits, '_', '.' and '-': write name: "sign_up"
2: unknown key 'namespace' in the template; did you mean 'namespace_name'?
3: version is 1.0; need three numbers: write version: "1.0.0"
4: input_schema.properties.m: type must be string, number, integer, boolean, array, object or null, or a list of these
4: input_schema.properties.n: 'typ' is not supported; did you mean 'type'?
4: input_schema: 'oneOf' is not supported; supported are type, properties, required, additionalProperties, items, enum, const, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, pattern, minItems, maxItems, uniqueItems
9: unknown key 'args' in the handler of step create_account; did you mean 'initialization'?
9: unknown key 'function' in the handler of step create_account; did you mean 'callable'?
10: unknown key 'depends_on' in step create_account; did you mean 'dependencies'?
11: unknown key 'retries' in step create_account; did you mean 'retry: {max_attempts: ...}'?
12: unknown key 'timeout' in step create_account; did you mean 'timeout_seconds'?
14: sql of the handler of step third is 'b'; need the name of a function with its schema, as shop.ship_order
14: the handler of step third has both callable and sql
15: step third depends on 'chek_email', which does not exist; did you mean 'check_email'?
15: step third names 'check_email' twice
16: backoff of the retry of step third is 'expo'; need one of none, linear, exponential, fibonacci; did you mean 'exponential'?
16: jitter of the retry of step third is 1; need true or false
16: unknown key 'backof' in the retry of step third; did you mean 'backoff'?
16: unknown key 'limit' in the retry of step third; did you mean 'max_attempts'?
16: unknown key 'maxAttempts' in the retry of step third; did you mean 'max_attempts'?
17: timeout_seconds of step third is '30s'; need a whole number from 1 to 86400: write 30
18: the steps form a cycle: a -> b -> a
19: the handler of step b has neither callable nor sql: write handler: NAME
20: callable of the handler of step a is 'sql:shop.f'; need a name of up to 200 characters that does not begin with 'sql:': write {sql: shop.f}
20: step a is there twice, first in line 18
20: timeout_seconds of step a is empty: give it a value, or leave the key out
21: handler of step 7 is 5; need the name of a function, or {sql: schema.function}
21: the key 'name' is missing in step 7
25: environment test changes a step 'thrid', which does not exist; did you mean 'third'?
26: timeout_seconds of step third is 0; need a whole number from 1 to 86400
26: unknown key 'colour' in the template; known are name, namespace_name, version, description, metadata, input_schema, finalization, deadline, on_deadline, steps, environments
27: environment staging is 7; need an object
"""  # noqa: E501


def test_one_run_names_all_that_is_wrong(write: Write) -> None:
    assert said(write, WRONG) == FOUND.splitlines()


@pytest.mark.parametrize(
    ("where", "text", "meant"),
    [
        *(("step", f"{key}: [b]", "dependencies") for key in ("needs", "after", "dependsOn")),
        *(
            ("step", f"{key}: 3", "retry: {max_attempts")
            for key in ("attempts", "limit", "maxAttempts")
        ),
        *(("step", f"{key}: 3", "timeout_seconds") for key in ("timeout", "timeoutSeconds")),
        *(
            ("step", f"{key}: {{}}", "handler: {initialization")
            for key in ("args", "with", "params")
        ),
        *(("step", f"{key}: x", "handler") for key in ("run", "uses", "callable", "handlr")),
        *(("step", "backoff: none", "retry: {backoff: ...}"), ("step", "nam: x", "name")),
        *(("retry", f"{key}: 3", "max_attempts") for key in ("limit", "retries", "attempts")),
        *(("retry", "initial_delay: 3", "backoff_base_ms"), ("retry", "max_delay: 1", "max_backo")),
        *(("template", "title: x", "name"), ("template", "tasks: []", "steps")),
        *(("template", "desc: x", "description"), ("template", "environment: {}", "environments")),
    ],
)
def test_an_unknown_key_is_answered_with_the_one_that_was_meant(
    write: Write, where: str, text: str, meant: str
) -> None:
    step = f", {text}" if where == "step" else f", retry: {{{text}}}" if where == "retry" else ""
    file = ONE.replace("VALUE", "1").replace("handler: a}", f"handler: a{step}}}")
    (fault,) = said(write, f"{file}{text}\n" if where == "template" else file)
    assert f"unknown key {text.partition(':')[0]!r} in" in fault
    assert f"; did you mean '{meant}" in fault


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        *(("1.0.0", value, 'write version: "1.0.0"') for value in ("1", "1.0", "v1", "'1.0'")),
        ("1.0.0", "v2.3.4-rc1", 'write version: "2.3.4"'),
        ("1.0.0", "true", "version is true; need three numbers"),
        ("shop", "Shop-1", 'write namespace_name: "shop_1"'),
        ("name: one", "name: 5", "name is 5; need a letter"),
        ("handler: a}", "handler: a, dependencies: {b: 1}}", "is an object; need a list of steps"),
        ("handler: a}", "handler: a, dependencies: [5]}", "is 5; need the name of a step"),
        ("handler: a}", "handler: a, dependencies: a}", "the steps form a cycle: a -> a"),
        ("handler: a}", "handler: a, timeout_seconds: 5m}", "write 300"),
        ("handler: a}", "handler: a, timeout_seconds: 1.5}", "is 1.5; need a whole number"),
        ("handler: a}", "handler: a, retry: {backoff_base_ms: 2s}}", "write 2000"),
        ("handler: a}", "handler: a, retry: {max_attempts: '3'}}", "write 3"),
        ("handler: a}", "handler: a, retry: 3}", "retry of step a is 3; need an object"),
        ("handler: a}", "handler: [a]}", "handler of step a is a list; need the name"),
        ("  - {name: a, handler: a}", "  a: {handler: a}", "steps is an object; need a list"),
        ("  - {name: a, handler: a}", "  []", "steps is empty; need at least one step"),
    ],
)
def test_a_wrong_value_is_answered_with_a_right_one(
    write: Write, old: str, new: str, message: str
) -> None:
    faults = said(write, ONE.replace("VALUE", "1").replace(old, new))
    assert message in faults[0]
    assert not any("^" in fault or "(?" in fault for fault in faults), "a regular expression"


def test_short_forms_are_written_out(write: Write) -> None:
    text = ONE.replace("VALUE", "1") + "  - {name: b, handler: shop.pay, dependencies: a}\n"
    assert templates.load(write(text)).definition["steps"][1] == {
        "name": "b",
        "handler": {"callable": "shop.pay"},
        "dependencies": ["a"],
    }


@pytest.mark.newest
def test_the_databases_refusal_gets_a_line(database: str, write: Write) -> None:
    """Of the step, or of the key, that it names."""
    base = ONE.replace("VALUE", "1")
    too_long = base.replace("value: 1", f"value: {'x' * 70_000}")
    text = base.replace("metadata:", "input_schema: {pattern: '(['}\nmetadata:")
    with client_of(database) as client:
        client.set_limit("definition_bytes", 65536, "a test")
        for wrong, message in (
            (text, r"flow.yaml:4: bad schema: input_schema: .*pattern.* is not a regular"),
            (too_long, r"flow.yaml:1: .*the definition"),
        ):
            template = templates.load(write(wrong))
            with pytest.raises(TaskerError) as caught:
                client.register_template(template.definition)
            with pytest.raises(templates.TemplateError, match=message):
                raise template.explain(caught.value)
        client.register_template(templates.load(write(base)).definition)
        other = templates.load(write(base.replace("value: 1", "value: 2")))
        with pytest.raises(TaskerError) as caught:
            client.register_template(other.definition)
    assert str(other.explain(caught.value)).startswith(
        f"{other.file}:3: this version is registered"
    )


@pytest.mark.newest
def test_the_database_refuses_the_same(database: str, thorough: bool) -> None:
    """Each place of a definition with what is strange there, put to both."""
    differ = []
    with client_of(database) as client:
        client.create_namespace("other")  # which each of them would make
        for value in corpus.spoiled(corpus.DEFINITION):
            text = corpus.text_of(value)
            given = yamltext.read(text.replace("1e+300", "1" + "0" * 300).encode())[0]
            if not isinstance(given, yamltext.Object):
                continue
            ours, theirs = definition.faults(definition.normalized(given)), ""
            try:
                with client.transaction():
                    (comes_back if thorough else Client.register_template)(client, given)
                    raise psycopg.Rollback
            except TaskerError as error:
                theirs = str(error)
            if bool(ours) != bool(theirs):
                differ.append((text[:300], ours, theirs))
    assert differ == []


def comes_back(client: Client, definition: Any) -> None:
    """Register a definition; what get_template gives says the same, and is in normal form."""
    made = client.register_template(definition)
    found = client.get_template(made.namespace, made.name, made.version)
    assert not client.register_template(found.definition).created
    again = {**found.definition, "version": "999.0.0"}
    assert client.register_template(again).created
    other = client.get_template(made.namespace, made.name, "999.0.0")
    assert (other.definition, other.steps) == (again, found.steps)


@pytest.mark.newest
def test_what_get_template_gives_may_be_registered_again(database: str, tmp_path: Path) -> None:
    """Each template of the examples and the pages; test_the_database_refuses_the_same has more."""
    texts = [file.read_text() for file in ROOT.glob("examples/**/*.yaml")]
    for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        texts += re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    texts = [text for text in texts if re.search("^steps:", text, re.MULTILINE)]
    assert len(texts) >= 8
    with client_of(database) as client:
        for text in texts:
            (file := tmp_path / "template.yaml").write_text(text)
            comes_back(client, templates.load(file).definition)


def test_finds_files_in_folders(tmp_path: Path) -> None:
    for name in ("b.yaml", "sub/a.yml", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found: list[Any] = list(templates.find([tmp_path]))
    assert [file.name for file in found] == ["b.yaml", "a.yml"]
