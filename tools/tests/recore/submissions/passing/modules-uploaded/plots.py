def draw(alpha):
    print(alpha)
