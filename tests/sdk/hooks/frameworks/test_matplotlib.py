"""Figures that a program shows or saves with matplotlib: as plots, or as pictures."""

from __future__ import annotations

import pytest

from elsewhere.core.events import Plot, Sample
from tests.sdk.hooks.frameworks.programs import Programs

PYPLOT = """
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.pyplot import show
"""

GUI = """
from matplotlib._pylab_helpers import Gcf
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

class FigureManager(FigureManagerBase):
    def show(self):
        self.canvas.figure.canvas.draw()

    @classmethod
    def start_main_loop(cls):
        Gcf.destroy_all()  # as a person who closes the windows

class FigureCanvas(FigureCanvasAgg):
    required_interactive_framework = None
    manager_class = FigureManager
"""


def plots(programs: Programs) -> dict[str, list[int]]:
    """The titles of the plots to their iterations."""
    found = programs.iterations(Plot)
    assert {series for _, series in found} <= {"plot"}
    return {title: iterations for (title, _), iterations in found.items()}


def pictures(programs: Programs) -> dict[str, list[int]]:
    found = programs.iterations(Sample)
    assert {series for _, series in found} <= {"plot image"}
    return {title: iterations for (title, _), iterations in found.items()}


def test_a_figure_is_recorded_once_until_it_looks_otherwise(programs: Programs) -> None:
    programs.run(
        """
        plt.plot([1, 2])
        plt.title("loss")
        plt.savefig("loss.png", dpi=300, bbox_inches="tight")
        plt.savefig("loss.pdf")
        show()
        plt.plot([2, 1])
        plt.gcf().savefig(open("loss.svg", "wb"), format="svg")
        plt.show()
        plt.close()
        plt.imshow([[1, 2], [3, 4]])
        plt.title("map")
        for file in ("map.png", "map.jpg"):
            plt.savefig(file)
        plt.show()
        plt.imshow([[4, 2], [3, 1]])
        plt.show()
        """,
        before=PYPLOT,
    )
    assert plots(programs) == {"loss": [0, 1]}
    assert pictures(programs) == {"map": [0, 1]}
    assert programs.warnings == []


def test_a_figure_has_the_first_name_that_there_is(programs: Programs) -> None:
    programs.run(
        """
        def drawn(label=None, titles=()):
            figure, axes = plt.subplots(1, 2, num=label, clear=True)
            for one, title in zip(axes, titles):
                one.set_title(title)
            axes[0].plot([len(plt.get_fignums()), 2])
            return figure
        drawn("label", ["a", "a"]).suptitle("all\\nof them")
        plt.savefig("x.png")
        drawn("label 2", ["axes", "axes"]).savefig("x.png")
        drawn("label 3", ["a", "b"]).savefig("x.png")
        figure = drawn()
        figure.canvas.manager.get_window_title = lambda: "window"  # as that of a window does
        figure.savefig("x.png")
        drawn(titles=["a", "b"]).savefig(Path("folder.1") / "file.1.png")
        drawn(titles=["first", "second"]).show()
        drawn().show()
        drawn().savefig(open("x", "wb"))
        """,
        before=f"{PYPLOT}\nPath('folder.1').mkdir()",
    )
    named = ["all of them", "axes", "label 3", "window", "file.1", "first"]
    assert plots(programs) == {title: [0] for title in (*named, "untitled 00", "untitled 01")}


def test_all_figures_that_a_window_shows_are_recorded(programs: Programs) -> None:
    (programs.folder / "gui.py").write_text(GUI)
    programs.run(
        """
        for title in ("one", "two"):
            plt.figure()
            plt.plot([1, 2])
            plt.title(title)
        plt.show()
        assert plt.get_fignums() == []
        plt.plot([1, 2])
        plt.title("one")
        plt.gcf().show()
        for _ in range(3):
            plt.plot([3, 4])
            plt.pause(0.01)  # a live figure
        """,
        before="import matplotlib\nmatplotlib.use('module://gui')\nimport matplotlib.pyplot as plt",
    )
    assert plots(programs) == {"one": [0, 1], "two": [0]}


def test_what_other_libraries_draw_is_recorded(programs: Programs) -> None:
    programs.run(
        """
        import pandas, seaborn
        pandas.DataFrame({"a": [1, 2]}).plot(title="pandas")
        seaborn.FacetGrid(pandas.DataFrame({"x": [1, 2]})).map(plt.hist, "x").savefig("seaborn.png")
        plt.show()
        from matplotlib.figure import Figure
        figure = Figure()
        figure.add_subplot().plot([1, 2])
        figure.savefig("no pyplot.png")
        """,
        before=PYPLOT,
    )
    assert sorted([*plots(programs), *pictures(programs)]) == ["no pyplot", "pandas", "seaborn"]


def test_neither_frames_nor_what_is_reported_by_hand_is_recorded(programs: Programs) -> None:
    programs.run(
        """
        from matplotlib.animation import FuncAnimation
        [line] = plt.plot([1, 2])
        moving = FuncAnimation(plt.gcf(), lambda i: line.set_ydata([i, 2]), frames=3)
        moving.save("moving.gif", writer="pillow")
        task.get_logger().report_matplotlib_figure("t", "by hand", plt)
        plt.plot([3, 4])
        plt.show()
        plt.savefig("x.png")
        plt.close()
        plt.imshow([[1, 2]])
        task.get_logger().report_matplotlib_figure("t", "by hand", plt)
        """,
        before=PYPLOT,
    )
    assert programs.iterations(Plot) == programs.iterations(Sample) == {("t", "by hand"): [0]}


def test_threads_and_forks_record_theirs(programs: Programs) -> None:
    programs.run(
        """
        import multiprocessing, threading
        from matplotlib.figure import Figure
        def save(name):
            figure = Figure()
            figure.add_subplot(title="same" if name < 4 else None).plot([name, 2])
            figure.savefig(f"file {name}.png")
        threads = [threading.Thread(target=save, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with multiprocessing.get_context("fork").Pool(1) as pool:
            pool.map(save, [4])
            pool.close()
            pool.join()
        """,
        before=PYPLOT,
    )
    assert sorted(plots(programs)["same"]) == [0, 1, 2, 3]
    assert plots(programs)["file 4"] == [0]


def test_many_points_are_a_picture(programs: Programs) -> None:
    programs.run("plt.plot(range(50_001))\nplt.savefig('many.png')", before=PYPLOT)
    assert (plots(programs), pictures(programs)) == ({}, {"many": [0]})


def test_an_error_of_the_library_is_the_programs_own(programs: Programs) -> None:
    programs.run(
        r"""
        for name, how in ((("/no/such/folder.png",), {}), ((), {}), (("x.png",), {"dpi": "x"})):
            try:
                plt.savefig(*name, **how)
            except (OSError, TypeError, ValueError) as error:
                print(type(error).__name__, error)
        plt.title(r"$\nothing{$")
        plt.show()
        plt.show()
        """,
        before=PYPLOT,
    )
    assert len([line for line in programs.ran.lines if "Error" in line]) == 3
    assert plots(programs) == pictures(programs) == {}
    assert [line for line in programs.warnings if "of matplotlib is not recorded" in line]
    assert programs.ran.errors.count("Traceback") <= 3  # one warning, with what caused it


@pytest.mark.parametrize("frameworks", [False, {"matplotlib": False}])
def test_it_is_switched_by_its_name(programs: Programs, frameworks: object) -> None:
    programs.run("plt.plot([1])\nplt.savefig('x.png')", before=PYPLOT, frameworks=frameworks)
    assert plots(programs) == pictures(programs) == {}


def test_a_library_that_is_imported_later_is_not_imported_for_it(programs: Programs) -> None:
    programs.run(
        """
        assert not [name for name in sys.modules if name.startswith("matplotlib")]
        import matplotlib.figure
        assert "matplotlib.pyplot" not in sys.modules
        import matplotlib.pyplot as plt
        plt.plot([1, 2])  # chooses a backend, as it always did
        plt.show()
        """
    )
    assert plots(programs) == {"untitled 00": [0]}
