"""Variable tracking: a chain of assignments hidden in a text, and the question which variables have its value.

    VAR KQXWA = 71943. … VAR RMTBE = VAR KQXWA. … Which variables have the value 71943?

Task and score are RULER's (github.com/NVIDIA/RULER: variable_tracking.py, string_match_all); the words are not, and so
the numbers are not RULER's either.
"""

from itertools import chain, pairwise, product, repeat
from random import Random
from string import ascii_uppercase

from evalkit import tasks

NOISE = " The tide went out at noon. Nobody minded the rain. The kettle sang. A cart rolled by."


class VariableTracking:
    def __init__(self, spec, options):
        self.spec = spec
        self.lengths = sorted(int(length) for length in tasks.option_numbers("lengths", options["lengths"]))
        self.chains = tasks.option_number("chains", options["chains"])
        self.haystack = tasks.Haystack("of noise", lambda: chain([NOISE.strip()], repeat(NOISE)), " ")

    def expected(self, task, protocol):
        return len(self.lengths) * self.chains

    def files(self, task):
        return ()

    def samples(self, task, protocol, files):
        for length, number in product(self.lengths, range(self.chains)):
            yield self.sample(task, length, number)

    def sample(self, task, length, number):
        name, draw = self.spec.name, Random(f"{self.spec.name}/{number}")  # the same chain at every length
        hops = self.spec.tasks[task].settings["hops"]
        variables = ["".join(draw.choices(ascii_uppercase, k=5)) for _ in range(hops + 1)]
        value = str(draw.randrange(10_000, 100_000))
        facts = [f"VAR {variables[0]} = {value}.", *(f"VAR {new} = VAR {old}." for old, new in pairwise(variables))]
        depths = sorted(draw.randrange(101) for _ in facts)
        fields = {"question": f"Which variables have the value {value}? Answer with their names alone."}
        place = {"length": length, "depths": depths}
        sample_id, document = f"{name}/{task}/{length}-{number}", f"{name}/chain{number}"
        return tasks.Sample(sample_id, task, document, fields, tuple(variables), place, tuple(facts))

    def request(self, sample, protocol, previous):
        if previous:
            return None
        text = f"This text gives values to variables.\n\n{tasks.CONTEXT_MARK}\n\n{sample.fields['question']}"
        place = sample.metadata
        context = tasks.NeedleContext(self.haystack, sample.evidence, place["length"], place["depths"])
        turns = (tasks.Message("user", text),)
        return tasks.Request(sample, 0, turns, text, 60, context=tasks.CONTEXT_MARK, context_builder=context)

    def scorer(self, task, protocol, answers):
        return tasks.single("variables_found", found)


def found(prediction, targets):
    return 100 * sum(name.lower() in prediction.lower() for name in targets) / len(targets)
