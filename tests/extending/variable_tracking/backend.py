"""A backend without a model: it reads the assignments in the prompt and follows them for two hops."""

import re
from functools import partial

from evalkit.errors import UserError
from evalkit.models import answer_greedily, end_ids

HOPS = 2


class Tracer:
    name = "tracer"

    def __init__(self, card, tokenizer, options):
        self.tokenizer = tokenizer
        self.eos_ids = end_ids(None, tokenizer)
        self.engine_info = {"device": "none", "hops": HOPS}

    def generate(self, rope, requests):
        if rope.rope_type != "native":
            raise UserError("--backend tracer: it has no RoPE to set; leave --rope out")
        for request in requests:
            next_token = partial(self.likeliest, request.ids.tolist())
            yield answer_greedily(request, self.tokenizer, self.eos_ids, next_token)

    def likeliest(self, prompt, generated, forbidden):
        """The token that an engine would take: the best one that is not forbidden."""
        answer = self.tokenizer.encode(follow(self.tokenizer.decode(prompt, skip_special=True)))
        script = [*answer, *sorted(self.eos_ids)]
        return next(token for token in script[len(generated) :] if token not in forbidden)

    def close(self):
        pass


def follow(prompt):
    parents = dict(re.findall(r"VAR ([A-Z]{5}) = (?:VAR )?(\w+)\.", prompt))
    known = set(re.findall(r"the value (\d+)", prompt))
    for _ in range(HOPS + 1):
        known |= {name for name, parent in parents.items() if parent in known}
    return " and ".join(sorted(known & parents.keys()))
