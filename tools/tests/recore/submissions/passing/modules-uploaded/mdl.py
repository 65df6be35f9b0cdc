ALPHA = 1.0

if __name__ == "__main__":
    import plots

    plots.draw(ALPHA)
