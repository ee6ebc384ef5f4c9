package main

import (
	"encoding/json"
	"fmt"
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	. "reconcilekit.invalid/clients/scenario"
)

var labels = map[string]string{"app": "web"}

func template() corev1.PodTemplateSpec {
	probe := &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/", Port: intstr.FromString("http")}},
		PeriodSeconds: 3,
	}
	return corev1.PodTemplateSpec{
		ObjectMeta: meta.ObjectMeta{Labels: labels},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name:  "main",
				Image: "nginx:1.29",
				Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 80}},
				Env: []corev1.EnvVar{
					{Name: "MODE", Value: "fast"},
					{Name: "NODE", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "spec.nodeName"}}},
					{Name: "KEY", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
						LocalObjectReference: corev1.LocalObjectReference{Name: "secret"}, Key: "key", Optional: ptr.To(true),
					}}},
				},
				Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("64Mi")},
					Limits:   corev1.ResourceList{"memory": resource.MustParse("128Mi")},
				},
				ReadinessProbe:  probe,
				LivenessProbe:   probe,
				VolumeMounts:    []corev1.VolumeMount{{Name: "settings", MountPath: "/etc/settings"}},
				SecurityContext: &corev1.SecurityContext{RunAsNonRoot: ptr.To(false), RunAsUser: ptr.To[int64](0)},
			}},
			Volumes: []corev1.Volume{
				{Name: "settings", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
					LocalObjectReference: corev1.LocalObjectReference{Name: "settings"},
				}}},
				{Name: "empty", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: ptr.To(resource.MustParse("1Gi"))}}},
			},
			Affinity: &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
				PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
					Weight: 10,
					PodAffinityTerm: corev1.PodAffinityTerm{
						LabelSelector: &meta.LabelSelector{MatchLabels: labels}, TopologyKey: "kubernetes.io/hostname",
					},
				}},
			}},
			Tolerations: []corev1.Toleration{{Key: "slow", Operator: corev1.TolerationOpExists}},
		},
	}
}

// roundTrip creates one object of many kinds; all that was set has to come back.
func (r run) roundTrip() {
	object := meta.ObjectMeta{Name: "web", Labels: labels}
	selector := &meta.LabelSelector{MatchLabels: labels}
	opts := meta.CreateOptions{}
	apps, core := r.typed.AppsV1(), r.typed.CoreV1()

	deployment := &appsv1.Deployment{ObjectMeta: object, Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To[int32](0), Selector: selector, Template: template(),
		Strategy: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{
			MaxSurge: ptr.To(intstr.FromString("50%")), MaxUnavailable: ptr.To(intstr.FromInt32(0)),
		}},
	}}
	gotDeployment, err := apps.Deployments(r.Namespace).Create(r.Context, deployment, opts)
	Must(err)
	derives(deployment.Spec, gotDeployment.Spec)

	set := &appsv1.StatefulSet{ObjectMeta: object, Spec: appsv1.StatefulSetSpec{
		Replicas: ptr.To[int32](0), Selector: selector, Template: template(), ServiceName: "web",
		VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
			ObjectMeta: meta.ObjectMeta{Name: "data"},
			Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{"storage": resource.MustParse("1Gi")}},
			},
		}},
	}}
	gotSet, err := apps.StatefulSets(r.Namespace).Create(r.Context, set, opts)
	Must(err)
	derives(set.Spec, gotSet.Spec)

	jobTemplate := template()
	jobTemplate.Spec.RestartPolicy = corev1.RestartPolicyNever
	cron := &batchv1.CronJob{ObjectMeta: object, Spec: batchv1.CronJobSpec{
		Schedule: "0 0 1 1 *", Suspend: ptr.To(true), TimeZone: ptr.To("Etc/UTC"),
		JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{BackoffLimit: ptr.To[int32](0), Template: jobTemplate}},
	}}
	gotCron, err := r.typed.BatchV1().CronJobs(r.Namespace).Create(r.Context, cron, opts)
	Must(err)
	derives(cron.Spec, gotCron.Spec)

	service := &corev1.Service{ObjectMeta: object, Spec: corev1.ServiceSpec{
		Selector: labels, Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromString("http")}},
	}}
	gotService, err := core.Services(r.Namespace).Create(r.Context, service, opts)
	Must(err)
	derives(service.Spec, gotService.Spec)
	Check(gotService.Spec.ClusterIP != "", "the Service has no clusterIP")

	secret := &corev1.Secret{ObjectMeta: object, Data: map[string][]byte{"key": {0, 1, 0xff}}, StringData: map[string]string{"text": "tëxt"}}
	gotSecret, err := core.Secrets(r.Namespace).Create(r.Context, secret, opts)
	Must(err)
	derives(map[string][]byte{"key": {0, 1, 0xff}, "text": []byte("tëxt")}, gotSecret.Data)

	quota := &corev1.ResourceQuota{ObjectMeta: object, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"pods": resource.MustParse("100")}}}
	gotQuota, err := core.ResourceQuotas(r.Namespace).Create(r.Context, quota, opts)
	Must(err)
	derives(quota.Spec, gotQuota.Spec)
	r.roundTripOthers(object, selector)
}

func (r run) roundTripOthers(object meta.ObjectMeta, selector *meta.LabelSelector) {
	opts := meta.CreateOptions{}
	port := intstr.FromInt32(80)
	policy := &networkingv1.NetworkPolicy{ObjectMeta: object, Spec: networkingv1.NetworkPolicySpec{
		PodSelector: *selector,
		Ingress: []networkingv1.NetworkPolicyIngressRule{{
			Ports: []networkingv1.NetworkPolicyPort{{Protocol: ptr.To(corev1.ProtocolTCP), Port: &port}},
			From:  []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8", Except: []string{"10.1.0.0/16"}}}},
		}},
	}}
	gotPolicy, err := r.typed.NetworkingV1().NetworkPolicies(r.Namespace).Create(r.Context, policy, opts)
	Must(err)
	derives(policy.Spec, gotPolicy.Spec)

	ingress := &networkingv1.Ingress{ObjectMeta: object, Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{
		Host: "web.example.com",
		IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
			Path: "/", PathType: ptr.To(networkingv1.PathTypePrefix),
			Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
				Name: "web", Port: networkingv1.ServiceBackendPort{Name: "http"},
			}},
		}}}},
	}}}}
	gotIngress, err := r.typed.NetworkingV1().Ingresses(r.Namespace).Create(r.Context, ingress, opts)
	Must(err)
	derives(ingress.Spec, gotIngress.Spec)

	scaler := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: object, Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "none"},
		MaxReplicas:    3,
		Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
			Name: "cpu", Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To[int32](50)},
		}}},
	}}
	gotScaler, err := r.typed.AutoscalingV2().HorizontalPodAutoscalers(r.Namespace).Create(r.Context, scaler, opts)
	Must(err)
	derives(scaler.Spec, gotScaler.Spec)

	budget := &policyv1.PodDisruptionBudget{ObjectMeta: object, Spec: policyv1.PodDisruptionBudgetSpec{
		MaxUnavailable: ptr.To(intstr.FromString("10%")), Selector: selector,
	}}
	gotBudget, err := r.typed.PolicyV1().PodDisruptionBudgets(r.Namespace).Create(r.Context, budget, opts)
	Must(err)
	derives(budget.Spec, gotBudget.Spec)

	class := &storagev1.StorageClass{
		ObjectMeta: meta.ObjectMeta{Name: r.Namespace}, Provisioner: "example.com/disk",
		Parameters: map[string]string{"type": "fast"}, ReclaimPolicy: ptr.To(corev1.PersistentVolumeReclaimRetain),
	}
	gotClass, err := r.typed.StorageV1().StorageClasses().Create(r.Context, class, opts)
	Must(err)
	derives(class.Parameters, gotClass.Parameters)
	Must(r.typed.StorageV1().StorageClasses().Delete(r.Context, class.Name, meta.DeleteOptions{}))
}

// derives holds what was sent to what came back, which may have more in it.
func derives(want, got any) {
	if where := missing(inJSON(want), inJSON(got)); where != "" {
		panic(where)
	}
}

func inJSON(value any) (decoded any) {
	encoded, err := json.Marshal(value)
	Must(err)
	Must(json.Unmarshal(encoded, &decoded))
	return decoded
}

func missing(want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		got, _ := got.(map[string]any)
		for name, value := range want {
			if where := missing(value, got[name]); where != "" {
				return "." + name + where
			}
		}
		return ""
	case []any:
		got, _ := got.([]any)
		if len(got) != len(want) {
			return fmt.Sprintf(" has %d items, not %d", len(got), len(want))
		}
		for i, value := range want {
			if where := missing(value, got[i]); where != "" {
				return fmt.Sprintf("[%d]%s", i, where)
			}
		}
		return ""
	}
	if want == nil || reflect.DeepEqual(want, got) {
		return ""
	}
	return fmt.Sprintf(": sent %v, got %v", want, got)
}
