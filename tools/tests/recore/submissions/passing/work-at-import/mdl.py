import argparse
import sys


def main():
    argparse.ArgumentParser().parse_known_args()
    sys.exit(0)


if __name__ == "__main__":
    main()
