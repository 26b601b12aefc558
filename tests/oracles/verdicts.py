"""The rule of the verdicts at other margins, written again from what the book says of it."""


def holm(p):
    """Each claim's p by as many claims as are no smaller, and no less than what came before."""
    order = sorted(p, key=p.get)
    found, before = {}, 0
    for k, claim in enumerate(order):
        before = max(before, min(1, p[claim] * (len(order) - k)))
        found[claim] = before
    return found


def says(figure, factor):
    """(passes, every seed has its sign, fails): a margin of the name's own is in the value."""
    name, added = figure["name"], 0
    if ", plus " in name:
        added = float(name.split(", plus ")[1]) * (factor - 1)
    ends = [figure, figure.get("classes", figure)]
    value, margin = figure["value"] + added, figure["margin"] * factor
    above = all(one["low"] + added > 0 for one in ends)
    below = all(one["high"] + added < max(margin, 1e-12) for one in ends)
    passes = above and value >= margin
    return passes, all(one["value"] + added > 0 for one in figure["per_seed"]), below and not passes


def at_margins(board, factor):
    """claim -> (verdict, corrected p or None), for a board without controls that stop a claim."""
    verdict, p = {}, {}
    for row in board:
        said = [says(figure, factor) for figure in row["figures"]]
        if not said:
            verdict[row["claim"]] = "no verdict"
        elif all(passes and same for passes, same, _ in said):
            verdict[row["claim"]] = "holds"
        elif any(passes and same for passes, same, _ in said):
            verdict[row["claim"]] = "holds in part"
        elif all(fails for _, _, fails in said):
            verdict[row["claim"]] = "does not hold here"
        else:
            verdict[row["claim"]] = "undecided"
        if verdict[row["claim"]] in ("holds", "holds in part"):
            speaking = [
                max(figure["p"], figure.get("classes", {}).get("p", 0))
                for figure, (passes, _, _) in zip(row["figures"], said, strict=True)
                if passes
            ]
            figures = len(row["figures"])
            p[row["claim"]] = max(speaking) * (1 if len(speaking) == figures else figures)
    decided = [row["claim"] for row in board if row["figures"]]
    asked = max((row["asked"] for row in board), default=0)
    nothing = {k: 1 for k in range(max(asked - len(decided), 0))}
    corrected = holm({claim: min(1, p.get(claim, 1)) for claim in decided} | nothing)
    for claim in p:
        if corrected[claim] >= 0.05:
            verdict[claim] = "undecided"
    return {claim: (verdict[claim], corrected[claim] if claim in p else None) for claim in verdict}
