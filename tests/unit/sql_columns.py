"""Holds the names in a text statement against the models: a small reader of the SQL that quel writes.

quel writes keywords in capitals and everything else in small letters, so a small word is a column, a
function, a type or a name that the statement gives itself. A column counts as known when a table that the
statement names with that alias has it, for a bare one any of its tables: scopes are not told apart.
"""

import re
from collections import defaultdict
from collections.abc import Iterator

from quel.adapters.postgres.schema import operator_tables, pipeline_tables, webhook_tables
from quel.adapters.postgres.schema.product_tables import metadata

# importing them adds their tables
assert {pipeline_tables.PipelineJob, operator_tables.Action, webhook_tables.Webhook}
TABLES = {name: {column.name for column in table.columns} for name, table in metadata.tables.items()}
ENUMS = {"public.job_status_enum", "public.production_status_enum"}
TYPES = {"bigint", "float8", "int", "integer", "interval", "jsonb", "text", "timestamptz", "uuid"}
WORDS = {"epoch", "false", "true"}  # small ones that name nothing

_TOKEN = re.compile(r"'(?:[^']|'')*' | :: | => | (?<!:):[a-z_]+ | [A-Za-z_]\w* | \d[\w.]* | \S", re.VERBOSE)
_WORD = re.compile(r"[a-z_]\w*")


def unknown_names(sql: str) -> list[str]:
    """What the statement names and neither the models nor the statement itself have, in order."""
    return [] if sql.startswith("SET ") else list(_Statement(sql).unknown())


class _Statement:
    def __init__(self, sql: str) -> None:
        self.tokens = _TOKEN.findall(sql)
        self.tables: dict[str, set[str]] = defaultdict(set)  # alias → tables
        self.given: set[str] = (
            set()
        )  # names that the statement gives: outputs, subqueries, columns of records
        self.explained: set[int] = set()  # positions that need no further look
        self._read_tables()
        self._read_given_names()

    def at(self, position: int) -> str:
        return self.tokens[position] if 0 <= position < len(self.tokens) else ""

    def is_word(self, position: int) -> bool:
        return bool(_WORD.fullmatch(self.at(position)))

    def _read_tables(self) -> None:
        for n, token in enumerate(self.tokens):
            if token in {"public", "quel"} and self.at(n + 1) == "." and self.at(n - 1) != ".":
                name = f"{token}.{self.at(n + 2)}"
                self.explained |= {n, n + 2} if name in TABLES.keys() | ENUMS else set()
                alias = n + 4 if self.at(n + 3) == "AS" else n + 3
                if name in TABLES and self.is_word(alias):
                    self.explained.add(alias)
                    self.tables[self.at(alias)].add(name)
                elif name in TABLES:
                    self.tables[self.at(n + 2)].add(name)

    def _read_given_names(self) -> None:
        for n in range(len(self.tokens)):
            if not self.is_word(n) or n in self.explained:
                continue
            after_as, before_as = self.at(n - 1) == "AS", self.at(n + 1) == "AS"
            if after_as and self.at(n) in TYPES:
                self.explained.add(n)  # CAST(… AS type)
            elif after_as or (before_as and self.at(n + 2) in {"(", "MATERIALIZED"}) or self.at(n - 1) == ")":
                self.explained.add(n)
                self.given.add(self.at(n))
                if after_as and self.at(n + 1) == "(":
                    self._read_record(n + 2)
            elif self.at(n - 1) in {"FROM", "JOIN"} and self.is_word(n + 1):
                self.explained.add(n + 1)  # the alias of a subquery
                self.given.add(self.at(n + 1))

    def _read_record(self, n: int) -> None:
        while self.is_word(n):  # r(image_no int, path text)
            self.explained |= {n, n + 1}
            self.given.add(self.at(n))
            n += 3

    def unknown(self) -> Iterator[str]:
        yield from self._unknown_targets()
        for n, word in enumerate(self.tokens):
            if not self.is_word(n) or n in self.explained:
                continue
            if self.at(n - 1) == ".":
                if not self._has(self.at(n - 2), word):
                    yield f"{self.at(n - 2)}.{word}"
            elif self.at(n + 1) == ".":
                if word not in self.tables.keys() | self.given | {"excluded"}:
                    yield word
            elif not self._is_known(n, word):
                yield word

    def _is_known(self, n: int, word: str) -> bool:
        if self.at(n + 1) in {"(", "=>"}:  # a function, or its named argument
            return True
        return word in TYPES | WORDS | self.given | self.tables.keys() or self._any_table_has(word)

    def _any_table_has(self, column: str) -> bool:
        return any(column in TABLES[table] for tables in self.tables.values() for table in tables)

    def _has(self, alias: str, column: str) -> bool:
        if any(column in TABLES[table] for table in self.tables.get(alias, ())):
            return True
        is_subquery = alias in self.given or alias == "excluded"
        return is_subquery and (column in self.given or self._any_table_has(column))

    def _unknown_targets(self) -> Iterator[str]:
        """Columns that are written, of the very table that is written."""
        written = ""
        for n, token in enumerate(self.tokens):
            if token in {"INTO", "UPDATE"} and self.at(n + 2) == ".":
                written = f"{self.at(n + 1)}.{self.at(n + 3)}"
            targets = self._inserted(n) if token == "INTO" else self._assigned(n) if token == "SET" else ()
            yield from (f"{written}: {name}" for name in targets if name not in TABLES.get(written, set()))

    def _inserted(self, n: int) -> Iterator[str]:
        n += 4 if self.at(n + 4) == "(" else 6  # INTO public . table (, or with AS alias
        while self.at(n) == "(" or self.at(n) == ",":
            yield self.at(n + 1)
            n += 2

    def _assigned(self, n: int) -> Iterator[str]:
        depth = 0
        while depth >= 0 and n < len(self.tokens):
            token = self.at(n)
            depth += (token == "(") - (token == ")")
            if depth == 0 and token in {"SET", ","} and self.at(n + 2) == "=":
                yield self.at(n + 1)
            if depth == 0 and token in {"WHERE", "FROM", "RETURNING"}:
                return
            n += 1
