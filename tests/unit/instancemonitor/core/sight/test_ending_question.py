"""The table of what is waited for of the disk."""

import itertools

from masakarimonitors.instancemonitor.core.sight.ending import QUESTIONS, Question, Step, move_question


def test_the_table_is_whole() -> None:
    assert set(QUESTIONS) == {(question, step) for question in Question for step in Step}


def test_it_is_open_from_the_question_to_the_first_answer_or_sight() -> None:
    for story in itertools.product(Step, repeat=4):
        question = Question.NONE
        for step in story:
            question = move_question(question, step)
        assert (question is Question.OPEN) == (story[-1] is Step.ASKED), story
