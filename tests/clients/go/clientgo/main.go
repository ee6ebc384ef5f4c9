// Command clientgo uses client-go as controllers and tools do: typed and dynamic clients, informers, apply
// configurations, leader election and discovery.
package main

import (
	"os"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"reconcilekit.invalid/clients/scenario"
)

type run struct {
	*scenario.Scenario
	typed   *kubernetes.Clientset
	dynamic *dynamic.DynamicClient
}

func main() {
	scenario.Run("clientgo", func(s *scenario.Scenario) {
		r := run{s, kubernetes.NewForConfigOrDie(s.Config), dynamic.NewForConfigOrDie(s.Config)}
		s.Step("discovery and a RESTMapper", r.discover)
		s.Step("every kind comes back as it was sent", r.roundTrip)
		s.Step("writes, patches and their conflicts", r.write)
		s.Step("failures that are told apart", r.fail)
		s.Step("lists in pages, by labels and by fields", r.list)
		s.Step("status and scale", r.subresources)
		s.Step("server-side apply by apply configurations", r.apply)
		s.Step("a custom kind by the dynamic client", r.custom)
		s.Step("typed, dynamic and metadata informers", r.inform)
		s.Step("leader election on a Lease", r.elect)
		s.Step("a ServiceAccount's token and its rights", r.authorize)
		s.Step("deletion", r.clean)
		if os.Getenv("EXPECT_PROTOBUF") != "" {
			scenario.Check(s.Counts.Sent > 20 && s.Counts.Received > 20, "protobuf was hardly used: %+v", s.Counts)
		}
	})
}
