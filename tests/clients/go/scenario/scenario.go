// Package scenario is what both programs need: a connection that counts, steps that are told, and waiting.
package scenario

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsclient "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const protobuf = "application/vnd.kubernetes.protobuf"

// Counts tells what a program sent and got.
type Counts struct {
	mutex                                sync.Mutex
	Requests, Sent, Received, WatchLists int
}

// Scenario is one run.
type Scenario struct {
	Context   context.Context
	Config    *rest.Config
	Namespace string
	Counts    *Counts
}

// Run connects by KUBECONFIG, makes a namespace, runs the steps and ends the program: 0 if all went well.
func Run(name string, steps func(*Scenario)) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	Must(err)
	counts := &Counts{}
	config.UserAgent = name
	config.QPS, config.Burst = -1, -1
	config.WarningHandler = rest.NoWarnings{}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &counter{counts, next} })
	s := &Scenario{Context: ctx, Config: config, Counts: counts}
	s.Step("a namespace of its own", func() {
		made, err := kubernetes.NewForConfigOrDie(config).CoreV1().Namespaces().Create(
			ctx, &corev1.Namespace{ObjectMeta: meta.ObjectMeta{GenerateName: name + "-"}}, meta.CreateOptions{})
		Must(err)
		s.Namespace = made.Name
	})
	steps(s)
	fmt.Printf("done: %d requests, protobuf sent %d and received %d, watch-lists %d\n",
		counts.Requests, counts.Sent, counts.Received, counts.WatchLists)
}

// Step runs one part and tells how long it took.
func (s *Scenario) Step(what string, do func()) {
	began := time.Now()
	defer func() {
		if failed := recover(); failed != nil {
			fmt.Printf("FAILED %s after %s: %v\n", what, time.Since(began).Round(time.Millisecond), failed)
			os.Exit(1)
		}
	}()
	do()
	fmt.Printf("ok %s (%s)\n", what, time.Since(began).Round(time.Millisecond))
}

// Until waits for a condition for at most 100 seconds.
func (s *Scenario) Until(what string, is func() bool) {
	err := wait.PollUntilContextTimeout(s.Context, 10*time.Millisecond, 100*time.Second, true,
		func(context.Context) (bool, error) { return is(), nil })
	if err != nil {
		panic(what + " doesn't become true: " + err.Error())
	}
}

// Install creates a definition and waits until it is served.
func (s *Scenario) Install(definition *apiextensions.CustomResourceDefinition) {
	client := apiextensionsclient.NewForConfigOrDie(s.Config).ApiextensionsV1().CustomResourceDefinitions()
	_, err := client.Create(s.Context, definition, meta.CreateOptions{})
	Must(err)
	s.Until(definition.Name+" is established", func() bool {
		found, err := client.Get(s.Context, definition.Name, meta.GetOptions{})
		Must(err)
		for _, condition := range found.Status.Conditions {
			if condition.Type == apiextensions.Established && condition.Status == apiextensions.ConditionTrue {
				return true
			}
		}
		return false
	})
}

// Remove deletes a definition and waits until it is gone.
func (s *Scenario) Remove(definition *apiextensions.CustomResourceDefinition) {
	client := apiextensionsclient.NewForConfigOrDie(s.Config).ApiextensionsV1().CustomResourceDefinitions()
	Must(client.Delete(s.Context, definition.Name, meta.DeleteOptions{}))
	s.Until(definition.Name+" is gone", func() bool {
		_, err := client.Get(s.Context, definition.Name, meta.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

// Must ends a step by an error.
func Must(err error) {
	if err != nil {
		panic(err)
	}
}

// Check ends a step where something isn't as it should be.
func Check(is bool, format string, values ...any) {
	if !is {
		panic(fmt.Sprintf(format, values...))
	}
}

type counter struct {
	counts *Counts
	next   http.RoundTripper
}

func (c *counter) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(request)
	c.counts.mutex.Lock()
	defer c.counts.mutex.Unlock()
	c.counts.Requests++
	if strings.HasPrefix(request.Header.Get("Content-Type"), protobuf) && request.Body != nil {
		c.counts.Sent++
	}
	if request.URL.Query().Get("sendInitialEvents") == "true" {
		c.counts.WatchLists++
	}
	if err == nil && strings.HasPrefix(response.Header.Get("Content-Type"), protobuf) {
		c.counts.Received++
	}
	return response, err
}

// WatchListsSoFar counts the watches that began with what was there.
func (c *Counts) WatchListsSoFar() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.WatchLists
}
