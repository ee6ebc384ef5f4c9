// Command manager is a small controller on controller-runtime, and the test of it: a manager with leader election,
// typed, unstructured and metadata-only caches, owner references, server-side apply, finalizers and status updates.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	. "reconcilekit.invalid/clients/scenario"
)

type run struct {
	*Scenario
	client.Client
	scheme *runtime.Scheme
}

func main() {
	ctrl.SetLogger(logr.Discard())
	Run("manager", func(s *Scenario) {
		scheme := runtime.NewScheme()
		Must(clientscheme.AddToScheme(scheme))
		Must(addToScheme(scheme))
		r := run{Scenario: s, scheme: scheme}
		s.Step("its own kinds", func() {
			s.Install(sites)
			s.Install(themes)
			made, err := client.New(s.Config, client.Options{Scheme: scheme})
			Must(err)
			r.Client = made
		})
		var first, second *running
		s.Step("a manager that leads", func() {
			first = r.start()
			<-first.leads
		})
		s.Step("a site comes to life", r.build)
		s.Step("what others change is put right", r.repair)
		s.Step("a theme by the unstructured cache", r.theme)
		s.Step("another manager takes over", func() {
			second = r.start()
			select {
			case <-second.leads:
				panic("two lead at a time")
			case <-time.After(300 * time.Millisecond):
			}
			first.stop()
			<-second.leads
			r.change("by the second")
		})
		s.Step("a site goes, and all that it owns", r.remove)
		s.Step("the end", func() {
			second.stop()
			s.Remove(sites)
			s.Remove(themes)
			Must(r.Delete(s.Context, &corev1.Namespace{ObjectMeta: meta.ObjectMeta{Name: s.Namespace}}))
		})
		if os.Getenv("EXPECT_PROTOBUF") != "" {
			Check(s.Counts.Sent > 3 && s.Counts.Received > 10, "protobuf was hardly used: %+v", s.Counts)
		}
	})
}

type running struct {
	leads <-chan struct{}
	stop  func()
}

// start runs a manager until it is stopped.
func (r run) start() *running {
	manager, err := ctrl.NewManager(r.Config, ctrl.Options{
		Scheme:                        r.scheme,
		Metrics:                       metricsserver.Options{BindAddress: "0"},
		Cache:                         cache.Options{DefaultNamespaces: map[string]cache.Config{r.Namespace: {}}},
		Controller:                    config.Controller{SkipNameValidation: ptr.To(true)},
		LeaderElection:                true,
		LeaderElectionID:              "sites",
		LeaderElectionNamespace:       r.Namespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 ptr.To(60 * time.Second),
		RenewDeadline:                 ptr.To(40 * time.Second),
		RetryPeriod:                   ptr.To(100 * time.Millisecond),
		Client:                        client.Options{Cache: &client.CacheOptions{Unstructured: true}},
	})
	Must(err)
	Must((&reconciler{Client: manager.GetClient(), scheme: r.scheme, events: manager.GetEventRecorder("sites")}).setUp(manager))
	ctx, cancel := context.WithCancel(r.Context)
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()
	return &running{leads: manager.Elected(), stop: func() {
		cancel()
		Must(<-ended)
	}}
}

func (r run) key() client.ObjectKey { return client.ObjectKey{Namespace: r.Namespace, Name: "home"} }

// isReady tells that the controller has seen the newest spec and says how it went.
func (r run) isReady(message string) bool {
	found := &Site{}
	Must(r.Get(r.Context, r.key(), found))
	ready := apimeta.FindStatusCondition(found.Status.Conditions, "Ready")
	return ready != nil && ready.Status == meta.ConditionTrue && ready.ObservedGeneration == found.Generation &&
		found.Status.Message == message
}

func (r run) build() {
	made := &Site{ObjectMeta: meta.ObjectMeta{Name: "home", Namespace: r.Namespace}, Spec: SiteSpec{Message: "hello"}}
	Must(r.Create(r.Context, made))
	Check(made.Spec.Replicas == 1, "the default of replicas: %+v", made.Spec)
	r.Until("the site is ready", func() bool { return r.isReady("hello") })
	deployment := &appsv1.Deployment{}
	Must(r.Get(r.Context, r.key(), deployment))
	Check(meta.IsControlledBy(deployment, made), "the Deployment's owners: %v", deployment.OwnerReferences)
	Check(deployment.ManagedFields[0].Operation == meta.ManagedFieldsOperationApply, "managed by %v", deployment.ManagedFields)
	bad := made.DeepCopy()
	bad.ObjectMeta = meta.ObjectMeta{Name: "bad", Namespace: r.Namespace}
	bad.Spec.Replicas = -1
	Check(apierrors.IsInvalid(r.Create(r.Context, bad)), "a site of -1 replicas")
	r.Until("an Event tells of it", func() bool {
		told := &corev1.EventList{}
		Must(r.List(r.Context, told, client.InNamespace(r.Namespace)))
		for _, event := range told.Items {
			if event.Reason == "Built" && event.InvolvedObject.UID == made.UID {
				return true
			}
		}
		return false
	})
}

func (r run) change(message string) {
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"message":%q}}`, message))
	Must(r.Patch(r.Context, &Site{ObjectMeta: meta.ObjectMeta{Name: "home", Namespace: r.Namespace}}, patch))
	r.Until("the site follows", func() bool { return r.isReady(message) })
	made := &corev1.ConfigMap{}
	Must(r.Get(r.Context, r.key(), made))
	Check(made.Data["message"] == message, "the ConfigMap has %v", made.Data)
}

func (r run) repair() {
	r.change("hello again")
	deployment := &appsv1.Deployment{}
	Must(r.Get(r.Context, r.key(), deployment))
	changed := deployment.DeepCopy()
	changed.Spec.Replicas = ptr.To[int32](0)
	changed.Spec.Paused = true
	Must(r.Patch(r.Context, changed, client.MergeFrom(deployment)))
	r.Until("the replicas are put right, and what is another's stays", func() bool {
		Must(r.Get(r.Context, r.key(), deployment))
		return *deployment.Spec.Replicas == 1 && deployment.Spec.Paused
	})
	made := &corev1.ConfigMap{}
	Must(r.Get(r.Context, r.key(), made))
	Must(r.Delete(r.Context, made, client.Preconditions{UID: &made.UID}))
	r.Until("the ConfigMap is made again", func() bool {
		again := &corev1.ConfigMap{}
		return r.Get(r.Context, r.key(), again) == nil && again.UID != made.UID
	})
	secret := &corev1.Secret{}
	Must(r.Get(r.Context, r.key(), secret))
	Must(r.Delete(r.Context, secret))
	r.Until("the Secret, of which only metadata is watched, is made again", func() bool {
		again := &corev1.Secret{}
		return r.Get(r.Context, r.key(), again) == nil && again.UID != secret.UID
	})
}

func (r run) theme() {
	theme := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"colour": "green"}}}
	theme.SetGroupVersionKind(themeKind)
	theme.SetNamespace(r.Namespace)
	theme.SetName("home")
	Must(r.Create(r.Context, theme))
	r.Until("the site has the theme's colour", func() bool {
		found := &Site{}
		Must(r.Get(r.Context, r.key(), found))
		return found.Status.Colour == "green"
	})
}

func (r run) remove() {
	Must(r.Delete(r.Context, &Site{ObjectMeta: meta.ObjectMeta{Name: "home", Namespace: r.Namespace}}, client.PropagationPolicy(meta.DeletePropagationBackground)))
	r.Until("the site is gone", func() bool { return apierrors.IsNotFound(r.Get(r.Context, r.key(), &Site{})) })
	finalized := &corev1.ConfigMap{}
	Must(r.Get(r.Context, client.ObjectKey{Namespace: r.Namespace, Name: "home-finalized"}, finalized))
	if os.Getenv("EXPECT_COLLECTION") == "" {
		return
	}
	for _, owned := range []client.Object{&appsv1.Deployment{}, &corev1.ConfigMap{}, &corev1.Secret{}} {
		r.Until(fmt.Sprintf("its %T is gone", owned), func() bool { return apierrors.IsNotFound(r.Get(r.Context, r.key(), owned)) })
	}
}
