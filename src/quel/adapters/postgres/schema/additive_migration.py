"""Completes a database that may already hold the product's tables: adds what is missing, alters nothing.

Used by the migrations, which must be safe on a live database with rows and harmless when run again. Every
name is written with its schema: nothing depends on whose search_path it runs under.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from sqlalchemy import Column, Connection, Enum, Index, MetaData, Table, UnaryExpression, text
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.schema import CreateColumn, CreateIndex
from sqlalchemy.sql.elements import TextClause

_UPDATED_AT = "update_updated_at_column"
_UPDATED_AT_FUNCTION = """
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = now();
    RETURN NEW;
END;
$$
"""


def create_missing_tables(connection: Connection, metadata: MetaData) -> None:
    """Creates the tables that do not exist, with their types, constraints and indexes."""
    metadata.create_all(connection, checkfirst=True)


def add_missing_enum_values(connection: Connection, metadata: MetaData) -> None:
    """Adds the values that an existing enum type lacks, at its end."""
    for enum in _enums(metadata):
        names = {"schema": enum.schema, "name": enum.name}
        existing = set(connection.scalars(text(_ENUM_VALUES), names))
        for value in enum.enums if existing else ():
            if value not in existing:
                statement = f"ALTER TYPE {enum.schema}.{enum.name} ADD VALUE IF NOT EXISTS '{value}'"
                connection.execute(text(statement))


_ENUM_VALUES = """
SELECT e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
WHERE t.typname = :name AND t.typnamespace = to_regnamespace(:schema)
"""


def _enums(metadata: MetaData) -> Iterator[Enum]:
    seen = set()
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, Enum) and column.type.name not in seen:
                seen.add(column.type.name)
                yield column.type


def move_home(connection: Connection, metadata: MetaData, *, strayed: str) -> None:
    """Moves what belongs in the metadata's own schema and lies in the schema `strayed`, as it is, with rows.

    What is in its own schema already is left alone, and so is its namesake.
    """
    tables = [table.name for table in metadata.sorted_tables if table.schema == metadata.schema]
    things = [("TABLE", name, "to_regclass") for name in tables]
    things += [("TYPE", str(enum.name), "to_regtype") for enum in _enums(metadata)]
    things.append(("FUNCTION", _UPDATED_AT, "to_regproc"))
    for kind, name, looks_up in things:
        names = {"home": f"{metadata.schema}.{name}", "strayed": f"{strayed}.{name}"}
        strays = text(f"SELECT {looks_up}(:strayed) IS NOT NULL AND {looks_up}(:home) IS NULL")
        if connection.scalar(strays, names):
            connection.execute(text(f"ALTER {kind} {names['strayed']} SET SCHEMA {metadata.schema}"))


def add_missing_columns(connection: Connection, metadata: MetaData) -> None:
    """Gives each existing table the columns it lacks.

    A column that must not be null and has no default is added as nullable: rows may be there already.
    """
    existing = _existing_columns(connection, metadata)
    for table in metadata.sorted_tables:
        for column in table.columns:
            if column.name not in existing[table.fullname]:
                connection.execute(text(f"ALTER TABLE {table.fullname} ADD COLUMN {_definition(column)}"))


def _definition(column: Column[object]) -> str:
    dialect = PGDialect_psycopg2()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it without types
    ddl = str(CreateColumn(column).compile(dialect=dialect)).strip()
    if not column.nullable and column.server_default is None:
        ddl = ddl.replace(" NOT NULL", "")
    for key in column.foreign_keys:
        ddl += f" REFERENCES {key.target_fullname.rsplit('.', 1)[0]} ({key.column.name})"
        ddl += f" ON DELETE {key.ondelete}" if key.ondelete else ""
    return ddl


def add_updated_at_trigger(connection: Connection, table: Table) -> None:
    """Sets updated_at before each update, unless the table already calls a function of that name."""
    if connection.scalar(text(_TRIGGER_EXISTS), {"table": table.fullname}):
        return
    function = f"{table.schema}.{_UPDATED_AT}"
    if not connection.scalar(text("SELECT to_regproc(:name) IS NOT NULL"), {"name": function}):
        connection.execute(text(_UPDATED_AT_FUNCTION.format(function=function)))
    connection.execute(
        text(
            f"CREATE TRIGGER update_{table.name}_updated_at BEFORE UPDATE ON {table.fullname}"
            f" FOR EACH ROW EXECUTE FUNCTION {function}()"
        )
    )


_TRIGGER_EXISTS = """
SELECT 1 FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid
WHERE g.tgrelid = to_regclass(:table) AND p.proname = 'update_updated_at_column' AND NOT g.tgisinternal
"""


def missing_indexes(connection: Connection, metadata: MetaData) -> list[Index]:
    """The indexes of the models that no valid index of the same columns stands for, whatever its name.

    Partial ones are all quel's own and known by their names. One of a column that a later migration adds is
    left to that.
    """
    columns = _existing_columns(connection, metadata)
    columns_of_indexes = _columns_of_indexes(connection, metadata)
    names = set(connection.scalars(text(_VALID_INDEXES), _schemas(metadata)))
    missing = []
    for table in metadata.sorted_tables:
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if index.dialect_options["postgresql"]["where"] is not None:
                is_there = _full_name(index) in names
            else:
                is_there = _columns(index) in columns_of_indexes[table.fullname]
            if not is_there and {column.name for column in index.columns} <= columns[table.fullname]:
                missing.append(index)
    return missing


_VALID_INDEXES = """
SELECT n.nspname || '.' || c.relname FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(:schemas) AND i.indisvalid
"""


def _full_name(index: Index) -> str:
    schema = index.table.schema if index.table is not None else None
    return f"{schema}.{index.name}" if schema else str(index.name)


def create_index_concurrently(connection: Connection, index: Index) -> None:
    """Builds one index without blocking writers; what an interrupted build left behind is built anew.

    The connection must be in autocommit mode.
    """
    name = _full_name(index)
    if connection.scalar(text(_INVALID_INDEX), {"name": name}):
        connection.execute(text(f"DROP INDEX CONCURRENTLY {name}"))
    ddl = str(CreateIndex(index).compile(dialect=connection.dialect))
    connection.execute(text(ddl.replace("CREATE INDEX", "CREATE INDEX CONCURRENTLY", 1)))


_INVALID_INDEX = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid"

_Columns = tuple[tuple[str, bool], ...]

_COLUMNS = """
SELECT n.nspname || '.' || c.relname, a.attname FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(:schemas) AND a.attnum > 0 AND NOT a.attisdropped
"""

_INDEX_COLUMNS = """
SELECT n.nspname || '.' || c.relname, i.indexrelid, a.attname, (i.indoption[k.n - 1] & 1) = 1 AS descending
FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, n)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE n.nspname = ANY(:schemas)
  AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND k.n <= i.indnkeyatts
ORDER BY i.indexrelid, k.n
"""


def _schemas(metadata: MetaData) -> dict[str, list[str]]:
    return {"schemas": sorted({str(table.schema) for table in metadata.sorted_tables})}


def _existing_columns(connection: Connection, metadata: MetaData) -> Mapping[str, set[str]]:
    """The names of the columns of each table."""
    existing = defaultdict(set)
    for table, column in connection.execute(text(_COLUMNS), _schemas(metadata)):
        existing[table].add(column)
    return existing


def _columns_of_indexes(connection: Connection, metadata: MetaData) -> Mapping[str, set[_Columns]]:
    """The columns of each valid index of each table, without partial ones and those of expressions."""
    columns = defaultdict(list)
    for table, oid, name, descending in connection.execute(text(_INDEX_COLUMNS), _schemas(metadata)):
        columns[table, oid].append((name, descending))
    of_tables = defaultdict(set)
    for (table, _), each in columns.items():
        of_tables[table].add(tuple(each))
    return of_tables


def _columns(index: Index) -> _Columns:
    return tuple(_column(expression) for expression in index.expressions)


def _column(expression: object) -> tuple[str, bool]:
    if isinstance(expression, TextClause):
        name, _, order = expression.text.partition(" ")
        return name, order.upper() == "DESC"
    if isinstance(expression, UnaryExpression):
        return str(expression.element), True
    return str(getattr(expression, "name", expression)), False
