"""The same few interactions in the shapes that are no table of a row for each use."""

import zipfile

import numpy as np
from scipy.io import mmwrite, savemat
from scipy.sparse import coo_array

USES = np.array([[1, 0, 3, 0], [0, 2, 0, 0], [4, 0, 0, 1], [0, 5, 6, 2]], dtype=float)


def matrix_market(folder):
    mmwrite(folder / "m.mtx", coo_array(USES))
    return folder / "m.mtx"


def mat(folder):
    savemat(folder / "m.mat", {"X": coo_array(USES)}, do_compression=True)
    return folder / "m.mat"


def libsvm(folder):
    return _text(folder / "x.txt", "0 1:1 18:2.5\n1 3:1 8:-1\n2 1:0 4:1\n")


def netflix(folder):
    return _text(
        folder / "n.txt", "29:\n1000,4,2005-09-06\n1004,2,2005-09-07\n31:\n1000,1,2005-09-08\n"
    )


def msweb(folder):
    items = 'I,4,"www","x"\nA,1287,1,"Autoroute","/a"\nA,1288,1,"library","/l"\n'
    return _text(folder / "x.data", items + 'C,"10001",10001\nV,1287,1\nC,"2",2\nV,1288,1\n')


def baskets(folder):
    return _text(folder / "b.csv", "milk,brown bread\ntea\n\nmilk,tea,oil\n")


def adjacency(folder):
    return _text(folder / "a.txt", "u1: a,b\nu2: c\nu3: b\n")


def wide(folder):
    return _text(folder / "w.csv", "user_id,up,heat,alien\nann,5,0,99\nbob,,3,4\n")


def archive(folder):
    path = folder / "films.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("ml/ratings.csv", "user_id,item_id,rating\nann,up,5\nbob,it,3\n")
    return path


def _text(path, text):
    path.write_text(text, encoding="utf-8")
    return path


TOLD = [matrix_market, mat, libsvm, netflix, msweb, archive]
NAMED = {"baskets": baskets, "adjacency": adjacency, "wide": wide, "msweb": msweb}
