"""Of a chapter's code what some of it needs, such as its solutions: the rest need not run."""

import ast
import symtable

INSIDE = (ast.Attribute, ast.Subscript, ast.Call)


def in_order(statement: ast.stmt) -> list[ast.stmt]:
    """A loop or a ``with`` as what it does first, and then what stands in it."""
    match statement:
        case ast.For():
            first = [ast.Assign([statement.target], statement.iter)]
        case ast.With(items=items):
            targets = [item.optional_vars or ast.Name("_") for item in items]
            first = [ast.Assign([t], i.context_expr) for t, i in zip(targets, items, strict=True)]
        case _:
            return [statement]
    return [*first, *(part for one in statement.body for part in in_order(one))]


def names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """Those whose values a statement needs, and those that it gives a value."""
    read, bound = set(), set()
    for part in in_order(statement):
        code = ast.unparse(ast.fix_missing_locations(part))
        tables = [symtable.symtable(code, "cell", "exec")]
        given = tables[0].get_symbols()
        for table in tables:
            tables += table.get_children()
            outer = [s for s in table.get_symbols() if s.is_referenced() and s.is_global()]
            read |= {symbol.get_name() for symbol in outer} - bound
        bound |= {s.get_name() for s in given if s.is_assigned() or s.is_imported()}
    return read, bound


def changed(statement: ast.stmt) -> set[str]:
    """The names whose values a statement may change in place: ``a[0] = b``, ``a.append(b)``."""
    found = set()
    for node in ast.walk(statement):
        stored = isinstance(node, INSIDE[:2]) and isinstance(node.ctx, ast.Store)
        called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        inner = node.value.func if called else node
        if stored or isinstance(inner, ast.Attribute) and called:
            while isinstance(inner, INSIDE):
                inner = inner.func if isinstance(inner, ast.Call) else inner.value
            found |= {inner.id} if isinstance(inner, ast.Name) else set()
    return found


def needed(cells: list[tuple[str, bool]]) -> str:
    """Of cells, (code, whether it is wanted), what is wanted and all statements of the others that
    give it a name's value."""
    statements = [(one, wanted) for code, wanted in cells for one in ast.parse(code).body]
    imports = [one for one, _ in statements if isinstance(one, ast.Import)]
    modules = {name for one in imports for name in names(one)[1]}
    kept, open_names = [], set()
    for statement, wanted in reversed(statements):
        read, bound = names(statement)
        if wanted or open_names & (bound | changed(statement) - modules):
            kept.append(statement)
            sure = set() if isinstance(statement, (ast.If, ast.While, ast.Try)) else bound
            open_names = open_names - sure | read
    return ast.unparse(ast.Module(kept[::-1], []))
