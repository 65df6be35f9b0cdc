import plots
