"""The ranking loss pair by pair in float64, from equation 9 of Kiros et al. 2014 and VSE++."""


def ranking_loss(queries, keys, matches, margin, negatives):
    """Sum over the batch of both ways; a pair that matches is no negative."""
    total = 0.0
    for i in range(len(queries)):
        right = sum(a * b for a, b in zip(queries[i], keys[i], strict=True))
        for way in ("key", "query"):
            costs = [0.0]
            for j in range(len(queries)):
                query, key = (i, j) if way == "key" else (j, i)
                if i == j or matches[query][key]:
                    continue
                wrong = sum(a * b for a, b in zip(queries[query], keys[key], strict=True))
                costs.append(max(0.0, margin - right + wrong))
            total += sum(costs) if negatives == "all" else max(costs)
    return total
