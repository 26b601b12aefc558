import torch
from helpers.tiny import CLASSES, STEPS, WIDTHS, generator, images, relu_network, spiking_network

from snnlab.models import ConvertedVGG
from snnlab.passes import call, generator_for, run, run_with_gradient
from snnlab.recording import intervene


def converted_network():
    return ConvertedVGG(CLASSES, STEPS, WIDTHS)


def test_networks_say_whether_they_take_a_generator():
    given = generator()
    for model in (spiking_network(), converted_network()):
        assert generator_for(model, given) == {"generator": given}
        assert generator_for(model, None) == {}
    assert generator_for(relu_network(), given) == {}


def test_a_generator_reaches_a_wrapped_network():
    """DataParallel's forward takes whatever the network takes."""
    given = generator()
    wrapped = torch.nn.DataParallel(spiking_network())
    assert generator_for(wrapped, given) == {"generator": given}


def test_call_gives_images_or_spikes_to_the_model():
    model, x = spiking_network(), images()
    expected = model(x, generator=generator(3))
    assert torch.equal(call(model, x, generator=generator(3)), expected)
    assert torch.equal(call(model, spikes=model.encode(x, generator(3))), expected)
    still = relu_network()
    assert torch.equal(call(still, x, generator=generator(3)), still(x))


def test_a_pass_tells_what_the_layer_and_the_model_put_out():
    model, x = spiking_network(), images()
    spikes = model.encode(x, generator())
    (found,) = run(model, "conv6", spikes=spikes).values()
    assert found.is_sequence and not found.is_folded and found.gradient is None
    assert found.activity.shape[:2] == (STEPS, len(x))
    assert torch.equal(found.logits, model.eval()(spikes=spikes))


def test_the_gradient_of_a_pass_is_that_of_each_images_own_score():
    model, x = relu_network(), images()
    found = run_with_gradient(model, "conv6", torch.tensor([0, 1]), x)["conv6"]
    shift = 1e-6 * torch.randn(found.activity.shape, generator=generator(), dtype=x.dtype)

    def scores(step):
        with torch.no_grad(), intervene(model, {"conv6": lambda a: a + step * shift}):
            return model.eval()(x).gather(1, torch.tensor([[0], [1]]))[:, 0]

    expected = (scores(1) - scores(-1)) / 2
    got = (found.gradient * shift).flatten(1).sum(1)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=0)
    assert not found.activity.requires_grad and not found.logits.requires_grad
