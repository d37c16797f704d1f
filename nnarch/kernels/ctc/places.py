"""Where the states of both passes lie inside the loop: [2, B, P], or one flat row of it.

The first half is the forward pass, the second the backward pass with its columns reversed, so that
either moves from a place to the next. Columns hold, with j the label's number from 1:

                     label j      blank after label j
    forward          j            j + 1
    backward         P - 1 - j    P - 1 - j

so that in both passes, with l and b the labels' and the blanks' places:

    b[p] <- b[p] + l[p - 1]
    l[p] <- l[p] + b[p] + l[p - 1] if the labels differ

Column 0 of the labels is no label and dead, and P >= L + 2 columns leave a dead one at the end, so
that nothing crosses from row to row where the rows lie in one.

A label's place in one pass is its place in the other, counted from the end.
"""

import jax.numpy as jnp
from jax import Array, lax


class Rows:
    """[2, B, P]: the batch has an axis of its own, which devices may share out."""

    def __init__(self, batch: int, columns: int):
        self.shape = (2, batch, columns)

    def both(self, forward: Array, backward: Array) -> Array:
        """[B, P] of each pass, columns in order -> [2, B, P]."""
        return jnp.stack([forward, self.reversed(backward)])

    def reversed(self, rows: Array) -> Array:
        """[B, P] in the order of the backward pass, and back."""
        return rows[:, ::-1]

    def behind(self, of_rows: Array) -> Array:
        """[B] in the order in which the backward pass has the rows."""
        return of_rows

    def places(self, rows: Array) -> Array:
        """[2, B, P] -> the places."""
        return rows

    def rows(self, places: Array) -> Array:
        """The inverse of `places`."""
        return places

    def stored(self, places: Array, lead: int) -> Array:
        """Places, with room for what lies before the first."""
        return places

    def here(self, stored: Array) -> Array:
        """The places of what is stored."""
        return stored

    def before(self, stored: Array, lead: int) -> Array:
        """What lies before each place."""
        return jnp.pad(stored[..., :-1], ((0, 0), (0, 0), (1, 0)), constant_values=lead)

    def store(self, stored: Array, places: Array) -> Array:
        """Stores places anew."""
        return places

    def partner(self, places: Array) -> Array:
        """Each label's place in the other pass."""
        return places[::-1, :, ::-1]


class Flat(Rows):
    """One row of 2 B P places behind a dead one, for CPUs: what lies before is a slice.

    The backward half is the whole of a forward half reversed, rows too. An update that reaches the
    end of the row is a plain loop of vectors; one that leaves a rest behind, a pad or a
    concatenation would ask of each element where it comes from.
    """

    def reversed(self, rows: Array) -> Array:
        """[B, P] in the order of the backward pass, and back."""
        return rows[::-1, ::-1]

    def behind(self, of_rows: Array) -> Array:
        """[B] in the order in which the backward pass has the rows."""
        return of_rows[::-1]

    def places(self, rows: Array) -> Array:
        """[2, B, P] -> the places."""
        return rows.reshape(-1)

    def rows(self, places: Array) -> Array:
        """The inverse of `places`."""
        return places.reshape(self.shape)

    def stored(self, places: Array, lead: int) -> Array:
        """Places, with room for what lies before the first."""
        return jnp.pad(places, (1, 0), constant_values=lead)

    def here(self, stored: Array) -> Array:
        """The places of what is stored."""
        return stored[1:]

    def before(self, stored: Array, lead: int) -> Array:
        """What lies before each place."""
        return stored[:-1]

    def store(self, stored: Array, places: Array) -> Array:
        """Stores places anew."""
        return lax.dynamic_update_slice(stored, places, (1,))

    def partner(self, places: Array) -> Array:
        """Each label's place in the other pass."""
        return places[::-1]
