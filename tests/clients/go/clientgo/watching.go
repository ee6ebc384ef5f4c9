package main

import (
	"context"
	"sync/atomic"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	selection "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/ptr"

	. "reconcilekit.invalid/clients/scenario"
)

var (
	gadgets    = schema.GroupVersionResource{Group: "clientgo.example.com", Version: "v1", Resource: "gadgets"}
	definition = &apiextensions.CustomResourceDefinition{
		ObjectMeta: meta.ObjectMeta{Name: "gadgets.clientgo.example.com"},
		Spec: apiextensions.CustomResourceDefinitionSpec{
			Group: gadgets.Group, Scope: apiextensions.NamespaceScoped,
			Names: apiextensions.CustomResourceDefinitionNames{Plural: "gadgets", Kind: "Gadget"},
			Versions: []apiextensions.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Subresources: &apiextensions.CustomResourceSubresources{Status: &apiextensions.CustomResourceSubresourceStatus{}},
				Schema: &apiextensions.CustomResourceValidation{OpenAPIV3Schema: &apiextensions.JSONSchemaProps{
					Type: "object",
					Properties: map[string]apiextensions.JSONSchemaProps{
						"spec": {Type: "object", Required: []string{"size"}, Properties: map[string]apiextensions.JSONSchemaProps{
							"size":   {Type: "integer", Minimum: ptr.To(1.0), Maximum: ptr.To(99.0)},
							"colour": {Type: "string", Default: &apiextensions.JSON{Raw: []byte(`"red"`)}, Enum: []apiextensions.JSON{{Raw: []byte(`"red"`)}, {Raw: []byte(`"blue"`)}}},
							"tags":   {Type: "array", Items: &apiextensions.JSONSchemaPropsOrArray{Schema: &apiextensions.JSONSchemaProps{Type: "string"}}, XListType: ptr.To("set")},
							"free":   {Type: "object", AdditionalProperties: &apiextensions.JSONSchemaPropsOrBool{Schema: &apiextensions.JSONSchemaProps{Type: "string"}}},
						}},
						"status": {Type: "object", XPreserveUnknownFields: ptr.To(true)},
					},
				}},
			}},
		},
	}
)

func gadget(name string, size int64) *unstructured.Unstructured {
	made := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"size": size}}}
	made.SetAPIVersion(gadgets.GroupVersion().String())
	made.SetKind("Gadget")
	made.SetName(name)
	return made
}

func (r run) custom() {
	r.Install(definition)
	client := r.dynamic.Resource(gadgets).Namespace(r.Namespace)
	var made *unstructured.Unstructured
	r.Until("gadgets can be written", func() bool {
		var err error
		made, err = client.Create(r.Context, gadget("one", 3), meta.CreateOptions{})
		Check(err == nil || apierrors.IsNotFound(err), "the first gadget: %v", err)
		return err == nil
	})
	colour, _, _ := unstructured.NestedString(made.Object, "spec", "colour")
	Check(colour == "red", "the default colour is %q", colour)
	_, err := client.Create(r.Context, gadget("bad", 100), meta.CreateOptions{})
	Check(apierrors.IsInvalid(err), "a gadget that is too large: %v", err)
	applied, err := client.Apply(r.Context, "two", gadget("two", 5), meta.ApplyOptions{FieldManager: "dynamic"})
	Must(err)
	applied.Object["status"] = map[string]any{"done": true}
	applied, err = client.UpdateStatus(r.Context, applied, meta.UpdateOptions{})
	Must(err)
	Check(applied.GetGeneration() == 1, "a status update counts as a generation: %v", applied)
	all, err := client.List(r.Context, meta.ListOptions{})
	Must(err)
	Check(len(all.Items) == 2 && all.GetKind() == "GadgetList", "the list: %v", all)
}

type counted struct{ added, updated, deleted, initial atomic.Int32 }

func (c *counted) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(_ any, isInInitialList bool) {
			c.added.Add(1)
			if isInInitialList {
				c.initial.Add(1)
			}
		},
		UpdateFunc: func(any, any) { c.updated.Add(1) },
		DeleteFunc: func(any) { c.deleted.Add(1) },
	}
}

func (r run) inform() {
	ctx, cancel := context.WithCancel(r.Context)
	defer cancel()
	before := r.Counts.WatchListsSoFar()
	maps := r.typed.CoreV1().ConfigMaps(r.Namespace)
	selected := func(opts *meta.ListOptions) { opts.LabelSelector = "inform=yes" }
	made := &corev1.ConfigMap{ObjectMeta: meta.ObjectMeta{Name: "first", Labels: map[string]string{"inform": "yes"}}}
	_, err := maps.Create(ctx, made, meta.CreateOptions{})
	Must(err)

	typed := informers.NewSharedInformerFactoryWithOptions(r.typed, 0, informers.WithNamespace(r.Namespace), informers.WithTweakListOptions(selected))
	byType := &counted{}
	_, err = typed.Core().V1().ConfigMaps().Informer().AddEventHandler(byType.handler())
	Must(err)
	dynamics := dynamicinformer.NewFilteredDynamicSharedInformerFactory(r.dynamic, 0, r.Namespace, nil)
	byName := &counted{}
	_, err = dynamics.ForResource(gadgets).Informer().AddEventHandler(byName.handler())
	Must(err)
	metadatas := metadatainformer.NewFilteredSharedInformerFactory(metadata.NewForConfigOrDie(r.Config), 0, r.Namespace, selected)
	byMetadata := &counted{}
	_, err = metadatas.ForResource(corev1.SchemeGroupVersion.WithResource("configmaps")).Informer().AddEventHandler(byMetadata.handler())
	Must(err)
	typed.Start(ctx.Done())
	dynamics.Start(ctx.Done())
	metadatas.Start(ctx.Done())
	typed.WaitForCacheSync(ctx.Done())
	dynamics.WaitForCacheSync(ctx.Done())
	metadatas.WaitForCacheSync(ctx.Done())
	Check(r.Counts.WatchListsSoFar() >= before+3, "informers didn't begin with watch-lists")
	r.Until("what was there is told", func() bool {
		return byType.initial.Load() == 1 && byName.initial.Load() == 2 && byMetadata.initial.Load() == 1
	})

	made.Data = map[string]string{"a": "1"}
	_, err = maps.Update(ctx, made, meta.UpdateOptions{})
	Must(err)
	Must(r.dynamic.Resource(gadgets).Namespace(r.Namespace).Delete(ctx, "two", meta.DeleteOptions{}))
	r.Until("changes are told", func() bool {
		return byType.updated.Load() == 1 && byMetadata.updated.Load() == 1 && byName.deleted.Load() == 1
	})
	// What no longer matches the selector is gone for those who select.
	made.Labels = nil
	_, err = maps.Update(ctx, made, meta.UpdateOptions{})
	Must(err)
	r.Until("what left the selection is told", func() bool { return byType.deleted.Load() == 1 && byMetadata.deleted.Load() == 1 })
	left, err := typed.Core().V1().ConfigMaps().Lister().List(selection.Everything())
	Must(err)
	Check(len(left) == 0, "the cache has %v", left)
}

func (r run) elect() {
	first, stopFirst := r.candidate("first")
	<-first
	second, stopSecond := r.candidate("second")
	select {
	case <-second:
		panic("two lead at a time")
	case <-time.After(300 * time.Millisecond):
	}
	stopFirst()
	<-second
	stopSecond()
	lease, err := r.typed.CoordinationV1().Leases(r.Namespace).Get(r.Context, "leader", meta.GetOptions{})
	Must(err)
	Check(ptr.Deref(lease.Spec.LeaseTransitions, 0) >= 1, "the lease: %+v", lease.Spec)
}

// candidate tells when it leads, and stops on demand.
func (r run) candidate(name string) (<-chan struct{}, func()) {
	ctx, cancel := context.WithCancel(r.Context)
	leads, ended := make(chan struct{}), make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  meta.ObjectMeta{Name: "leader", Namespace: r.Namespace},
			Client:     r.typed.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: name},
		},
		LeaseDuration: 60 * time.Second, RenewDeadline: 40 * time.Second, RetryPeriod: 100 * time.Millisecond, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(leads) },
			OnStoppedLeading: func() {},
		},
	})
	Must(err)
	go func() {
		defer close(ended)
		elector.Run(ctx)
	}()
	return leads, func() { cancel(); <-ended }
}

func (r run) authorize() {
	core, rbac := r.typed.CoreV1(), r.typed.RbacV1()
	object, opts := meta.ObjectMeta{Name: "reader"}, meta.CreateOptions{}
	_, err := core.ServiceAccounts(r.Namespace).Create(r.Context, &corev1.ServiceAccount{ObjectMeta: object}, opts)
	Must(err)
	_, err = rbac.Roles(r.Namespace).Create(r.Context, &rbacv1.Role{ObjectMeta: object, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list"}},
	}}, opts)
	Must(err)
	_, err = rbac.RoleBindings(r.Namespace).Create(r.Context, &rbacv1.RoleBinding{
		ObjectMeta: object,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "reader", Namespace: r.Namespace}},
	}, opts)
	Must(err)
	token, err := core.ServiceAccounts(r.Namespace).CreateToken(r.Context, "reader", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](600)},
	}, opts)
	Must(err)
	config := rest.AnonymousClientConfig(r.Config)
	config.BearerToken = token.Status.Token
	reader := kubernetes.NewForConfigOrDie(config)
	r.Until("the role is known", func() bool {
		_, err := reader.CoreV1().ConfigMaps(r.Namespace).List(r.Context, meta.ListOptions{})
		return err == nil
	})
	_, err = reader.CoreV1().Secrets(r.Namespace).List(r.Context, meta.ListOptions{})
	Check(apierrors.IsForbidden(err), "secrets: %v", err)
	self, err := reader.AuthenticationV1().SelfSubjectReviews().Create(r.Context, &authenticationv1.SelfSubjectReview{}, opts)
	Must(err)
	Check(self.Status.UserInfo.Username == "system:serviceaccount:"+r.Namespace+":reader", "it is %+v", self.Status)
	review, err := reader.AuthorizationV1().SelfSubjectAccessReviews().Create(r.Context, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: r.Namespace, Verb: "delete", Resource: "configmaps",
		}},
	}, opts)
	Must(err)
	Check(!review.Status.Allowed, "it may delete: %+v", review.Status)
}

func (r run) clean() {
	r.Remove(definition)
	Must(r.typed.CoreV1().Namespaces().Delete(r.Context, r.Namespace, meta.DeleteOptions{}))
}
