# not uploaded
