"""The rows of databases, to be compared."""
import contextlib
import sqlite3


def read(path, query, *values):
    with contextlib.closing(sqlite3.connect(path)) as shell:
        return shell.execute(query, values).fetchall()


def contents(path, like):
    """Every row of the tables, with the columns that they have in the database `like`."""
    tables = [name for (name,) in read(like, "SELECT name FROM sqlite_schema WHERE type = 'table' "
                                             "AND name NOT LIKE 'sqlite%'")]
    columns = {table: ", ".join(row[1] for row in read(like, f"PRAGMA table_info({table})"))
               for table in tables}
    hidden = {"about": "WHERE name <> 'schema_version'"}
    return {table: sorted(read(path, f"SELECT {columns[table]} FROM {table} "
                                     f"{hidden.get(table, '')}"), key=repr) for table in tables}
