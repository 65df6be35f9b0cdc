print('a further script')
