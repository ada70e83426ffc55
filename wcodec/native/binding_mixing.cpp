// The mixing coder for Python.
#include "binding_views.h"

namespace wcz {

namespace {

struct Mixing {
    using Encoder = wcz_mixing_encoder;
    using Decoder = wcz_mixing_decoder;
    using Meter = wcz_mixing_meter;
    using Tuple = std::array<uint64_t, 4>;  // rows, channels, kernel rows, kernel columns

    static wcz_view view_of(const Tuple &t) { return {t[0], t[1], t[2], t[3], 0}; }
    static size_t room(const wcz_view *view) { return wcz_mixing_scratch(view); }

    static void start(Encoder *to, uint8_t *payload, size_t size) { wcz_mixing_encode_start(to, payload, size); }
    static void start(Decoder *in, const uint8_t *payload, size_t size) { wcz_mixing_decode_start(in, payload, size); }
    static void start(Meter *meter) { wcz_mixing_cost_start(meter); }

    template <typename... Array>
    static wcz_status array(Encoder *to, Array... array) { return wcz_mixing_encode_array(to, array...); }
    template <typename... Array>
    static wcz_status array(Decoder *in, Array... array) { return wcz_mixing_decode_array(in, array...); }
    template <typename... Array>
    static wcz_status array(Meter *meter, Array... array) { return wcz_mixing_cost_array(meter, array...); }

    static wcz_status end(Encoder *to, size_t *written) { return wcz_mixing_encode_end(to, written); }
    static wcz_status end(const Decoder *in) { return wcz_mixing_decode_end(in); }
};

}  // namespace

void bind_mixing(nb::module_ &module) {
    using namespace nb::literals;
    module.def("mixing_encode", &encode<Mixing>, "values"_a.noconvert(), "views"_a);
    module.def("mixing_decode", &decode<Mixing>, "payload"_a, "views"_a, "out"_a.noconvert());
    module.def("mixing_cost", &cost<Mixing>, "values"_a.noconvert(), "views"_a, "costs"_a.noconvert() = nb::none());
    module.def("mixing_most_symbols", &wcz_mixing_most_symbols, "size"_a);
}

}  // namespace wcz
