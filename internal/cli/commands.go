package cli

import "github.com/spf13/cobra"

// group is some commands that help shows together.
type group struct {
	name, title string
	commands    []*cobra.Command
}

// commands is the list of all commands, in the order in which people meet them.
func commands(a *app) []group {
	return []group{
		{"definition", "The definition", []*cobra.Command{
			newInit(a),
			newCheck(a),
			newList(a),
			newShow(a),
			newExplain(a),
			newDiff(a),
		}},
		{"pipeline", "From the definition to the nodes", []*cobra.Command{
			newBuild(a),
			newPlan(a),
			newDeploy(a),
			newRollback(a),
		}},
		{"nodes", "The nodes", []*cobra.Command{
			newStatus(a),
			newVerify(a),
			newHistory(a),
			newNode(a),
		}},
		{"here", "On this machine", []*cobra.Command{
			newUp(a),
			newDown(a),
			newPs(a),
			newDemo(a),
		}},
		{"people", "For people", []*cobra.Command{
			newVersion(a),
			newCompletion(a),
			newHelp(a),
		}},
	}
}
