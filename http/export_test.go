package http

import "slices"

// CommandNames are the names of all described commands.
func CommandNames() []string {
	var names []string
	for _, c := range slices.Concat(
		customerCommands, interactionCommands, consentCommands,
		dealCommands, pipelineCommands, employeeCommands, productCommands,
	) {
		names = append(names, c.name)
	}
	return names
}
