print('another script')
