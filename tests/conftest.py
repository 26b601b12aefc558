def pytest_addoption(parser):
    parser.addoption(
        "--screenshots", metavar="DIR", help="tests/test_pages.py saves every page it opens here"
    )
