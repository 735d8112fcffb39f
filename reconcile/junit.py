"""A report as JUnit XML: a suite for each run, a case for each kind of verdict, so that a pipeline can show it."""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from reconcile.report import Report, RunReport

NAMED = 20
"""Units named in a case at most; the report's JSON names all."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(report: Report) -> bytes:
    """The document. Mismatches and red stage gates are failures, what could not be judged is an error."""
    suites = Element("testsuites", name=_text(report.job))
    for run in report.runs:
        _add(suites, _text(run.run.run), list(_cases(run)))
    _add(suites, "stage gates", list(_gates(report)))
    indent(suites)
    document: bytes = tostring(suites, encoding="utf-8", xml_declaration=True)
    return document


def _add(suites: Element, name: str, cases: list[Element]) -> None:
    failures = sum(case.find("failure") is not None for case in cases)
    errors = sum(case.find("error") is not None for case in cases)
    suite = SubElement(
        suites, "testsuite", name=name, tests=str(len(cases)), failures=str(failures), errors=str(errors), skipped="0"
    )
    suite.extend(cases)


def _cases(run: RunReport) -> Iterator[Element]:
    totals = run.reconciled.totals
    yield _case(run.run.run, f"{totals.match} pairs match")
    for group in run.groups:
        name = " ".join(each for each in (group.verdict, group.kind, group.because, group.accepted) if each)
        case = _case(run.run.run, name)
        units = ", ".join(group.units[:NAMED]) + (" ..." if len(group.units) > NAMED else "")
        if group.verdict == "mismatch":
            SubElement(case, "failure", message=f"{len(group.units)} pairs differ: {group.kind}").text = _text(units)
        elif group.verdict == "incomplete":
            SubElement(case, "error", message=f"{len(group.units)} pairs could not be judged").text = _text(units)
        yield case


def _gates(report: Report) -> Iterator[Element]:
    for gate in report.gates:
        case = _case("stage gates", gate.name)
        if not gate.green:
            SubElement(case, "failure", message=_text(f"{gate.figure}, expected {gate.limit}")).text = _text(
                gate.detail
            )
        yield case


def _case(suite: str, name: str) -> Element:
    return Element("testcase", classname=_text(suite), name=_text(name))


def _text(text: str) -> str:
    """The text without what XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
