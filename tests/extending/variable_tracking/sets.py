"""Variable tracking as sets, and at lengths beyond the model's window."""

from .benchmark import VariableTracking


class VariableTrackingSets(VariableTracking):
    @staticmethod
    def expand_set(raw, name):
        common = {key: value for key, value in raw.items() if key not in ("sets", "task")}
        hops = raw["sets"][name]["hops"]
        task = {**raw["task"], "settings": {"hops": hops}}
        return {**common, "name": name, "title": f"{raw['title']}, {hops} hops", "tasks": {"chain": task}}

    def window(self, protocol, max_new_tokens):
        return self.lengths[-1] + (max_new_tokens or 60)

    def extremes(self, protocol):
        for length in (self.lengths[-1], self.lengths[0]):
            yield self.request(self.sample("chain", length, 0), protocol, ())
