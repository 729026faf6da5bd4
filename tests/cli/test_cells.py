from charseq.cells import CELLS
from tests.support.command import Command


def test_every_cell_has_a_line_with_state_parameters_source_and_purpose(charseq: Command) -> None:
    header, *lines = (line.split("\t") for line in charseq("cells").output.splitlines())
    assert header == ["name", "state", "parameters", "source", "summary"]
    rows = {line[0]: line for line in lines}
    assert list(rows) == list(CELLS)
    assert rows["gru"][1:3] == ["h", "3H (I + H + 2)"]
    assert rows["lstm"][1:3] == ["h, c", "4H (I + H + 2)"]
    assert rows["mlstm"][1] == "h, C [B H H], n, m [B]"
    assert "arXiv:2405.04517" in rows["slstm"][3]
    assert all(len(line) == 5 and all(line) for line in lines)


def test_json_names_the_axes_of_states_and_tensors(charseq: Command) -> None:
    records = {record["name"]: record for record in charseq("cells", "--json").records}
    assert records["mlstm"]["state"]["C"] == ["B", "H", "H"]
    assert records["gru"]["tensors"]["W_x"] == ["3H", "I"]


def test_the_table_fits_a_terminal_and_shows_every_cell(charseq: Command) -> None:
    lines = charseq("cells", "--format", "table").output.splitlines()
    assert max(map(len, lines)) <= 80
    assert {line.split()[0] for line in lines if line[:1].isalpha()} >= set(CELLS)
